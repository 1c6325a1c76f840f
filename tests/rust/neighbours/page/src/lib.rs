//! What JavaScript sees of the commands.

use api::{Command, COMMANDS};
use wasm_bindgen::prelude::wasm_bindgen;

extern crate plugin_b as _;

#[cfg_attr(not(without_linkme), linkme::distributed_slice(api::COMMANDS))]
pub static ITSELF: Command = Command { name: "itself", run: |x| x };

#[wasm_bindgen]
pub fn count() -> usize {
    COMMANDS.len()
}

#[wasm_bindgen]
pub fn name(index: usize) -> String {
    COMMANDS[index].name.to_owned()
}

#[wasm_bindgen]
pub fn call(index: usize, x: i32) -> i32 {
    (COMMANDS[index].run)(x)
}

#[wasm_bindgen]
pub fn thrice(x: i32) -> i32 {
    plugin_a::thrice(x)
}
