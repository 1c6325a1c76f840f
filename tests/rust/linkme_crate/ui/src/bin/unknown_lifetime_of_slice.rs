use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [&'a str];

fn main() {}
