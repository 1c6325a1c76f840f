use linkme::distributed_slice;

#[distributed_slice]
#[linkme(crate = linkme, crate = linkme)]
static IN_ONE: [u8];

#[distributed_slice]
#[linkme(crate = linkme)]
#[linkme(crate = linkme)]
static IN_TWO: [u8];

fn main() {}
