//! What any host sees of the commands.

use api::{Command, COMMANDS};

extern crate plugin_b as _;

#[cfg_attr(not(without_linkme), linkme::distributed_slice(api::COMMANDS))]
pub static ITSELF: Command = Command { name: "itself", run: |x| x };

#[no_mangle]
pub extern "C" fn count() -> usize {
    COMMANDS.len()
}

#[no_mangle]
pub extern "C" fn name_at(index: usize) -> *const u8 {
    COMMANDS[index].name.as_ptr()
}

#[no_mangle]
pub extern "C" fn name_length(index: usize) -> usize {
    COMMANDS[index].name.len()
}

#[no_mangle]
pub extern "C" fn call(index: usize, x: i32) -> i32 {
    (COMMANDS[index].run)(x)
}

#[no_mangle]
pub extern "C" fn thrice(x: i32) -> i32 {
    plugin_a::thrice(x)
}
