//! The slice, and an element beside it.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

/// What is registered.
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub run: fn(i32) -> i32,
}

linkme_rules::slice! {
    /// All commands.
    pub static COMMANDS: [Command];
    /// Nothing.
    pub static EMPTY: [u8];
}

fn one(x: i32) -> i32 {
    x + 1
}

linkme_rules::element! { COMMANDS: Command = Command { name: "api", run: one }; }
