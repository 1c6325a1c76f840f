//! A crate with metrics, whose functions nobody calls.

use metriken::{metric, Gauge};

#[metric(name = "queue", description = "jobs that wait")]
pub static QUEUE: Gauge = Gauge::new();

pub mod retries {
    use metriken::{metric, Counter};

    #[metric(name = "retries", metadata = { unit = "jobs" })]
    pub static RETRIES: Counter = Counter::new();
}
