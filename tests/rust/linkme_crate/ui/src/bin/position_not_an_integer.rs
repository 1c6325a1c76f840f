use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [u8];

#[distributed_slice(SLICE, 1.5)]
static FRACTION: u8 = 1;

#[distributed_slice(SLICE, "1")]
static STRING: u8 = 1;

#[distributed_slice(SLICE, FIRST)]
static CONSTANT: u8 = 1;

const FIRST: usize = 1;

fn main() {}
