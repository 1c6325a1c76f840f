//! Another command, in another crate.

use command_api::{Command, COMMANDS};
use linkme::distributed_slice;

#[distributed_slice(COMMANDS)]
static SUM: Command = Command { name: "sum", help: "the sum of its numbers", run: sum };

fn sum(words: &[String]) -> Result<String, String> {
    let mut total = 0_i64;
    for word in words {
        total += word.parse::<i64>().map_err(|error| format!("{word}: {error}"))?;
    }
    Ok(total.to_string())
}
