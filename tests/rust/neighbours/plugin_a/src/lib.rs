//! A plugin of which something else is used as well.

use api::Command;

#[cfg_attr(not(without_linkme), linkme::distributed_slice(api::COMMANDS))]
pub static TWICE: Command = Command { name: "twice", run: |x| 2 * x };

#[cfg_attr(not(without_linkme), linkme::distributed_slice(api::COMMANDS))]
pub static SQUARE: Command = Command { name: "square", run: |x| x * x };

pub fn thrice(x: i32) -> i32 {
    3 * x
}
