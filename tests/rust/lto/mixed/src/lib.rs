//! Elements of a slice of Rust's and of a section of C's, and what Rust sees in both.

use core::ptr::addr_of;
use core::slice;

use hooks::{Hook, HOOKS};

extern crate plug as _;

extern "C" fn plus_one(x: i32) -> i32 {
    x + 1
}

linkme_rules::element! { hooks::HOOKS: Hook = Hook { value: 10, call: plus_one }; }

#[used]
#[export_name = concat!("__ldshim$words$30$", module_path!(), "::THIRTY")]
static THIRTY: i32 = 30;

extern "C" {
    #[link_name = "__start_words"]
    static START: [i32; 0];
    #[link_name = "__stop_words"]
    static STOP: [i32; 0];
}

fn words() -> &'static [i32] {
    let (start, stop) = (addr_of!(START).cast::<i32>(), addr_of!(STOP).cast::<i32>());
    // SAFETY: all between them is of that type, in C as well.
    unsafe { slice::from_raw_parts(start, stop.offset_from(start) as usize) }
}

#[no_mangle]
pub extern "C" fn rust_hooks() -> usize {
    HOOKS.len()
}

#[no_mangle]
pub extern "C" fn rust_hook(i: usize) -> i32 {
    (HOOKS[i].call)(HOOKS[i].value)
}

#[no_mangle]
pub extern "C" fn rust_words() -> usize {
    words().len()
}

#[no_mangle]
pub extern "C" fn rust_word(i: usize) -> i32 {
    words()[i]
}
