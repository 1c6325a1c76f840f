//! Two commands. The program does not call anything in this crate.

use command_api::{Command, COMMANDS};
use linkme::distributed_slice;

#[distributed_slice(COMMANDS)]
static UPPER: Command = Command { name: "upper", help: "its words in capital letters", run: |words| Ok(words.join(" ").to_uppercase()) };

#[distributed_slice(COMMANDS)]
static REVERSE: Command = Command {
    name: "reverse",
    help: "its words from the last to the first",
    run: |words| Ok(words.iter().rev().map(String::as_str).collect::<Vec<_>>().join(" ")),
};
