//! Elements that reach slices and linkme through another crate.
#![no_std]
#![deny(warnings, missing_docs)]

use facade::hidden::linkme::distributed_slice;

#[distributed_slice(facade::OTHER)]
#[linkme(crate = facade::hidden::linkme)]
static ELEMENT: u32 = 3;

#[distributed_slice(facade::FUNCTIONS)]
#[linkme(crate = facade::hidden::linkme)]
fn function(x: u32) -> u32 {
    x + 10
}

/// A slice of its own.
#[distributed_slice]
#[linkme(crate = ::facade::hidden::linkme)]
pub static OWN: [u32];

#[distributed_slice(OWN)]
#[linkme(crate = facade::hidden::linkme)]
static OWN_ELEMENT: u32 = 4;

#[facade::hidden::linkme::distributed_slice(facade::TEXTS)]
#[linkme(crate = facade::hidden::linkme)]
static TEXT: &str = "far";

#[distributed_slice(facade::POSITIONED, 0)]
#[linkme(crate = facade::hidden::linkme)]
static ZERO: u32 = 0;

/// Something to be needed for.
pub fn be_here() {}
