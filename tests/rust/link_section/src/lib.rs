//! Statics with a section of their own, which rustc allows on wasm where there are no pointers in them.
#![no_std]

use core::ptr::addr_of;
use core::sync::atomic::{AtomicU32, Ordering};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[used]
#[link_section = "numbers"]
static ONE: u32 = 1;

#[used]
#[link_section = "numbers"]
static TWO: [u32; 2] = [2, 3];

pub mod inner {
    #[used]
    #[link_section = "numbers"]
    static FOUR: u32 = 4;
}

#[used]
#[link_section = "counters"]
static COUNTER: AtomicU32 = AtomicU32::new(50);

#[used]
#[link_section = "counters"]
static OTHER: AtomicU32 = AtomicU32::new(60);

// Not an element of anything.
#[used]
static PLAIN: u32 = 99;

extern "C" {
    #[link_name = "__start_numbers"]
    static NUMBERS: [u32; 0];
    #[link_name = "__stop_numbers"]
    static NUMBERS_END: [u32; 0];
    #[link_name = "__start_counters"]
    static COUNTERS: [AtomicU32; 0];
    #[link_name = "__stop_counters"]
    static COUNTERS_END: [AtomicU32; 0];
}

#[no_mangle]
pub extern "C" fn count() -> usize {
    (unsafe { addr_of!(NUMBERS_END) as usize - addr_of!(NUMBERS) as usize }) / 4
}

#[no_mangle]
pub extern "C" fn at(i: usize) -> u32 {
    unsafe { *addr_of!(NUMBERS).cast::<u32>().add(i) }
}

#[no_mangle]
pub extern "C" fn counters() -> usize {
    (unsafe { addr_of!(COUNTERS_END) as usize - addr_of!(COUNTERS) as usize }) / 4
}

/// Counts by way of the static, and reads by way of the section.
#[no_mangle]
pub extern "C" fn counter(i: usize) -> u32 {
    COUNTER.fetch_add(1, Ordering::Relaxed);
    unsafe { (*addr_of!(COUNTERS).cast::<AtomicU32>().add(i)).load(Ordering::Relaxed) }
}

/// Whether the static lies in the section.
#[no_mangle]
pub extern "C" fn in_place() -> bool {
    let offset = (addr_of!(TWO) as usize).wrapping_sub(unsafe { addr_of!(NUMBERS) as usize });
    offset / 4 < count()
}
