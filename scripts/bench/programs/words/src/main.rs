//! Nanoseconds of the first iteration, of a later one (the fastest of many), and of getting one word.

use std::hint::black_box;
use std::time::Instant;

fn nanoseconds(times: u32, mut what: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..times {
        what();
    }
    begun.elapsed().as_nanos() as f64 / f64::from(times)
}

fn main() {
    let index = words::count() * 9 / 10;
    let first = nanoseconds(1, || {
        black_box(words::sum());
    });
    let rounds = (2_000_000 / (words::count() + 1)).clamp(3, 2000) as u32;
    let mut second = f64::INFINITY;
    let mut get = f64::INFINITY;
    for _ in 0..20 {
        second = second.min(nanoseconds(rounds, || {
            black_box(words::sum());
        }));
        get = get.min(nanoseconds(1000, || {
            black_box(words::get(black_box(index)));
        }));
    }
    println!("{} {} {first} {second} {get}", words::count(), words::sum());
}
