use linkme::distributed_slice;

static PLAIN: [u8; 1] = [1];

#[distributed_slice(PLAIN)]
static ELEMENT: u8 = 1;

fn main() {}
