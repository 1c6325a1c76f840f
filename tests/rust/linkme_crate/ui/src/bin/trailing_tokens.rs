use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [u8];

#[distributed_slice(SLICE, 1, 2)]
static TWO_POSITIONS: u8 = 1;

#[distributed_slice(SLICE 1)]
static NO_COMMA: u8 = 1;

fn main() {}
