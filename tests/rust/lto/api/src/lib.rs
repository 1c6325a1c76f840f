//! Two slices, and an element of each.

use linkme::distributed_slice;

#[distributed_slice]
pub static STEPS: [fn(u32) -> u32];

#[distributed_slice]
pub static RANKED: [u32];

#[distributed_slice(STEPS)]
fn plus_one(x: u32) -> u32 {
    x + 1
}

#[distributed_slice(RANKED, 3)]
static THIRD: u32 = 3;
