use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [u8];

#[distributed_slice(SLICE)]
const ELEMENT: u8 = 1;

fn main() {}
