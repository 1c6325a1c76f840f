use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [fn()];

#[distributed_slice(SLICE)]
unsafe fn element() {}

#[distributed_slice(SLICE)]
extern "C" fn foreign() {}

fn main() {}
