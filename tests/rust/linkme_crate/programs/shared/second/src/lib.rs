use linkme::distributed_slice;

#[distributed_slice]
pub static SLICE: [&str];

#[distributed_slice(SLICE)]
static ELEMENT: &str = "second";
