use linkme::distributed_slice;

#[distributed_slice]
pub static SLICE: [u32];

#[distributed_slice(SLICE)]
static ELEMENT: u32 = 1;
