#![deny(warnings)]

use std::sync::atomic::Ordering;

linkme_rules::element! {
    api::a::FUNCTIONS: fn(&str) -> usize = |text| text.len() * 2;
    api::TEXTS: &'static str = "in the program";
}

fn main() {
    plugin::be_here();
    let mut numbers = api::a::NUMBERS.to_vec();
    numbers.sort_unstable();
    let mut lengths: Vec<usize> = api::a::FUNCTIONS.iter().map(|f| f("four")).collect();
    lengths.sort_unstable();
    let mut texts = api::TEXTS.to_vec();
    texts.sort_unstable();
    api::COUNTERS[0].fetch_add(1, Ordering::Relaxed);
    println!("{numbers:?} {lengths:?} {texts:?} {:?} {:?} {}", api::NOTHING, api::COUNTERS, api::internal());
}
