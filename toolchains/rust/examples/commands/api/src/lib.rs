//! What a command is, and the list that fills itself.

use linkme::distributed_slice;

pub struct Command {
    pub name: &'static str,
    pub help: &'static str,
    pub run: fn(&[String]) -> Result<String, String>,
}

#[distributed_slice]
pub static COMMANDS: [Command];

pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}
