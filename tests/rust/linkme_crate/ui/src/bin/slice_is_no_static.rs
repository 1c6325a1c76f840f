use linkme::distributed_slice;

#[distributed_slice]
fn function() {}

#[distributed_slice]
const CONSTANT: [u8] = [..];

fn main() {}
