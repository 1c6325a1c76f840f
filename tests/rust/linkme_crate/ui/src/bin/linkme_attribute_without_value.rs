use linkme::distributed_slice;

#[distributed_slice]
#[linkme(crate)]
static NOTHING: [u8];

#[distributed_slice]
#[linkme(crate = "linkme")]
static STRING: [u8];

#[distributed_slice]
#[linkme]
static EMPTY: [u8];

fn main() {}
