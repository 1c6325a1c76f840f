use linkme::distributed_slice;

#[distributed_slice]
static NUMBER: u8;

#[distributed_slice]
static ARRAY: [u8; 3];

fn main() {}
