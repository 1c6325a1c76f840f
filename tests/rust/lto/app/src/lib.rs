//! Elements in the crate that is linked last, and one export for each question about the slices.

use linkme::distributed_slice;

extern crate far as _;

#[distributed_slice(api::STEPS)]
fn squared(x: u32) -> u32 {
    x * x
}

mod inner {
    use linkme::distributed_slice;

    #[distributed_slice(api::STEPS)]
    fn less_three(x: u32) -> u32 {
        x - 3
    }
}

#[distributed_slice(api::RANKED, 2)]
static SECOND: u32 = 2;

#[distributed_slice(api::RANKED)]
static UNRANKED: u32 = 100;

#[no_mangle]
pub extern "C" fn steps() -> usize {
    api::STEPS.len()
}

#[no_mangle]
pub extern "C" fn step(i: usize) -> u32 {
    api::STEPS[i](10)
}

#[no_mangle]
pub extern "C" fn ranks() -> usize {
    api::RANKED.len()
}

#[no_mangle]
pub extern "C" fn rank(i: usize) -> u32 {
    api::RANKED[i]
}
