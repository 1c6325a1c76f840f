//! Elements that panic, and a caller that catches it.

use linkme::distributed_slice;

#[distributed_slice]
static STEPS: [fn(i32) -> i32];

#[distributed_slice(STEPS, 1)]
fn double(x: i32) -> i32 {
    x * 2
}

#[distributed_slice(STEPS, 2)]
fn panics(_: i32) -> i32 {
    std::panic::resume_unwind(Box::new(5_i32))
}

#[distributed_slice(STEPS, 3)]
fn negative(x: i32) -> i32 {
    -x
}

/// The result of a step for 21; what it panicked with, and 1000, if it did.
#[no_mangle]
pub extern "C" fn at(i: usize) -> i32 {
    std::panic::catch_unwind(|| STEPS[i](21)).unwrap_or_else(|payload| 1000 + payload.downcast_ref::<i32>().unwrap())
}

#[no_mangle]
pub extern "C" fn count() -> usize {
    STEPS.len()
}
