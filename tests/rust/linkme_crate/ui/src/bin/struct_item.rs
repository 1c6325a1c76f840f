use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [u8];

#[distributed_slice(SLICE)]
struct Element;

#[distributed_slice(SLICE)]
pub(crate) mod element {}

fn main() {}
