//! The library of a package whose program has elements of the same names.

use linkme::distributed_slice;

#[distributed_slice(facade::NUMBERS)]
static ELEMENT: u32 = 5;

#[distributed_slice(facade::FUNCTIONS)]
fn function(x: u32) -> u32 {
    x + 100
}

#[distributed_slice(facade::POSITIONED, 8)]
static EIGHT: u32 = 8;

pub fn be_here() {}
