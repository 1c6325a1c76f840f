use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [u8];

#[distributed_slice = "SLICE"]
static ELEMENT: u8 = 1;

fn main() {}
