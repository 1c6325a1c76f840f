//! Elements, without std.
#![no_std]
#![deny(warnings, missing_docs, rust_2024_compatibility)]

use api::NUMBERS;
use linkme::distributed_slice;

#[distributed_slice(NUMBERS)]
static ELEMENT: u32 = 2;

#[distributed_slice(api::FUNCTIONS)]
fn function(x: u32) -> u32 {
    x + 1
}

#[distributed_slice(api::POSITIONED, 9999)]
static LAST: u32 = 9999;
#[distributed_slice(api::POSITIONED, 10)]
static TEN: u32 = 10;
#[distributed_slice(api::POSITIONED)]
static WITHOUT: u32 = 20000;

/// Something to be needed for.
pub fn be_here() {}
