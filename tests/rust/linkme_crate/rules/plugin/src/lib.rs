//! Elements in another crate and another edition.
#![deny(warnings)]

use api::COUNTERS;
use std::sync::atomic::AtomicU32;

linkme_rules::element! {
    api::a::NUMBERS: u32 = 100;
    api::a::FUNCTIONS: fn(&str) -> usize = length;
    COUNTERS: AtomicU32 = AtomicU32::new(5);
}

fn length(text: &str) -> usize {
    text.len()
}

macro_rules! numbers {
    ($($number:expr),*) => { $(linkme_rules::element! { api::a::NUMBERS: u32 = $number; })* };
}

numbers!(1000, 1001);

/// Something to be needed for.
pub fn be_here() {
    linkme_rules::element! { api::TEXTS: &'static str = "in a function"; }
}
