//! A program whose commands live in three crates: `numbers`, `text`, and this one.

use command_api::{find, Command, COMMANDS};
use linkme::distributed_slice;

// The crates have to be in the program; nothing in them has to be named.
extern crate numbers as _;
extern crate text as _;

/// Behind the others: they have no position.
#[distributed_slice(COMMANDS, 1)]
static HELP: Command = Command {
    name: "help",
    help: "this list",
    run: |_| Ok(COMMANDS.iter().map(|command| format!("{:8} {}", command.name, command.help)).collect::<Vec<_>>().join("\n")),
};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = words.split_first().map_or(("help", &[][..]), |(name, rest)| (name.as_str(), rest));
    match find(name).map_or_else(|| Err(format!("no command {name}; try help")), |command| (command.run)(rest)) {
        Ok(text) => println!("{text}"),
        Err(text) => {
            eprintln!("{text}");
            std::process::exit(1);
        }
    }
}
