//! A crate that nothing refers to.

use api::Command;

fn two(x: i32) -> i32 {
    x * 2
}

linkme_rules::element! {
    api::COMMANDS: Command = Command { name: "plug", run: two };
    crate::nested::COMMANDS: Command = {
        // A static inside an element is none itself.
        static INSIDE: i32 = 3;
        Command { name: "inside", run: |x| x * INSIDE }
    };
}

pub mod nested {
    pub use api::COMMANDS;
}

macro_rules! both {
    ($first:expr, $second:expr) => {
        linkme_rules::element! { api::COMMANDS: Command = $first; api::COMMANDS: Command = $second; }
    };
}

both!(Command { name: "twin", run: |x| x + 10 }, Command { name: "twin", run: |x| x + 20 });
