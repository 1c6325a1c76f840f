//! The commands, and what they make of 7.

extern crate plug as _;

linkme_rules::element! { api::COMMANDS: api::Command = api::Command { name: "app", run: |x| x }; }

mod module {
    fn local(x: i32) -> i32 {
        -x
    }

    linkme_rules::element! { api::COMMANDS: api::Command = api::Command { name: "module", run: local }; }
}

fn main() {
    let mut lines: Vec<String> = api::COMMANDS.iter().map(|c| format!("{} {}", c.name, (c.run)(7))).collect();
    lines.sort();
    println!("{}, {} empty", lines.join(", "), api::EMPTY.len());
}
