use linkme::distributed_slice;

#[distributed_slice]
static SLICE;

fn main() {}
