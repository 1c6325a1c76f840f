//! A crate that nothing refers to.

use linkme::distributed_slice;

#[distributed_slice(api::STEPS)]
fn twice(x: u32) -> u32 {
    2 * x
}

#[distributed_slice(api::RANKED, 1)]
static FIRST: u32 = 1;
