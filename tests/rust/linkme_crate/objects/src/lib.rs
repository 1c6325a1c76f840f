//! The rest of the elements, and functions that read all.
#![no_std]

use core::sync::atomic::{AtomicU64, Ordering};

use linkme::{distributed_slice, DistributedSlice};
use objects_api::{Counter, COUNTERS, EMPTY, NUMBERS, TEXTS};

#[distributed_slice(NUMBERS, 9999)]
static LAST: u32 = 0x1000_9999;
#[distributed_slice(NUMBERS, 0)]
static ZERO: u32 = 0x1000_0001;
#[distributed_slice(NUMBERS, 30)]
static THIRTY: u32 = 0x1000_0030;
#[distributed_slice(NUMBERS)]
static WITHOUT: u32 = 0x1000_0000;

#[distributed_slice(TEXTS, 3)]
static THREE: &str = "three";
#[distributed_slice(TEXTS, 100)]
static HUNDRED: &str = "hundred";
#[distributed_slice(TEXTS)]
static FIRST: &str = "without";

#[distributed_slice(COUNTERS, 20)]
static TWENTY: Counter = Counter { name: "twenty", value: AtomicU64::new(20) };
#[distributed_slice(COUNTERS)]
static COUNTER: Counter = Counter { name: "without", value: AtomicU64::new(0) };

// By these names the test finds the slices.
#[no_mangle]
pub static NUMBERS_ARE: &DistributedSlice<[u32]> = &NUMBERS;
#[no_mangle]
pub static TEXTS_ARE: &DistributedSlice<[&str]> = &TEXTS;
#[no_mangle]
pub static COUNTERS_ARE: &DistributedSlice<[Counter]> = &COUNTERS;
#[no_mangle]
pub static EMPTY_IS: &DistributedSlice<[u64]> = &EMPTY;

/// The entry of the image, which is never run.
#[no_mangle]
pub extern "C" fn start() -> usize {
    COUNTERS.iter().map(|counter| counter.value.fetch_add(1, Ordering::Relaxed) as usize).sum::<usize>() + EMPTY.len()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
