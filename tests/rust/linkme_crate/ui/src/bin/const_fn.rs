use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [fn()];

#[distributed_slice(SLICE)]
const fn element() {}

fn main() {}
