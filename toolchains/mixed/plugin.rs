//! A command of toolchains/c/example/commands.h, in Rust, as a static library.

#![no_std]

use core::ffi::{c_char, c_int};

#[repr(C)]
pub struct Command {
    name: *const c_char,
    run: extern "C" fn(c_int) -> c_int,
}

unsafe impl Sync for Command {}

extern "C" fn run_increment(n: c_int) -> c_int {
    n.wrapping_add(1)
}

/// A marker symbol (docs/markers.md).  A slice of linkme has a name of its own that no other language can know.
#[used]
#[unsafe(export_name = "__ldshim$commands$$increment")]
static INCREMENT: Command = Command { name: c"increment".as_ptr(), run: run_increment };

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
