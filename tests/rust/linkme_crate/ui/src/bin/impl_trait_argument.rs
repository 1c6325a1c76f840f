use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [fn(u8)];

#[distributed_slice(SLICE)]
fn element(_: impl Into<u8>) {}

fn main() {}
