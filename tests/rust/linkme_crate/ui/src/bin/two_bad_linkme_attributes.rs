use linkme::distributed_slice;

#[distributed_slice]
#[linkme(section = "here")]
#[linkme(crate)]
static SLICE: [u8];

fn main() {}
