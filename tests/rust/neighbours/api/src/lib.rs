//! The slice. With `--cfg without_linkme`, the same program without any distributed slice.

pub struct Command {
    pub name: &'static str,
    pub run: fn(i32) -> i32,
}

#[cfg(not(without_linkme))]
#[linkme::distributed_slice]
pub static COMMANDS: [Command];

#[cfg(without_linkme)]
pub static COMMANDS: [Command; 0] = [];
