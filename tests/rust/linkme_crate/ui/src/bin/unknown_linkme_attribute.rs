use linkme::distributed_slice;

#[distributed_slice]
#[linkme(section = "here")]
static SLICE: [u8];

#[distributed_slice]
static OTHER: [u8];

#[distributed_slice(OTHER)]
#[linkme(section = "here")]
static ELEMENT: u8 = 1;

fn main() {}
