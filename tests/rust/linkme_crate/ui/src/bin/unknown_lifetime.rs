use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [&'static str];

#[distributed_slice(SLICE)]
static ELEMENT: &'a str = "a";

fn main() {}
