use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [u8] = [1];

#[distributed_slice]
static REST: [u8] = [.., 1];

#[distributed_slice]
static VALUE: [u8] = 1;

fn main() {}
