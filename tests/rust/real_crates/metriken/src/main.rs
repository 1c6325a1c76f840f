//! Prints every metric of the program.  What they count shows that the slice holds the statics themselves, not copies.

use metriken::{metric, Counter, Value};
use metriken_worker::QUEUE;

#[metric(name = "requests", description = "requests seen")]
static REQUESTS: Counter = Counter::new();

#[metric]
static UNNAMED: Counter = Counter::new();

fn main() {
    REQUESTS.add(3);
    QUEUE.set(-2);
    for metric in metriken::metrics().iter() {
        let value = match metric.value() {
            Some(Value::Counter(value)) => value.to_string(),
            Some(Value::Gauge(value)) => value.to_string(),
            _ => "?".to_string(),
        };
        let unit = metric.metadata().get("unit").unwrap_or("-");
        println!("{} = {value}, {}, {unit}", metric.name(), metric.description().unwrap_or("-"));
    }
}
