use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [fn()];

#[distributed_slice(SLICE)]
async fn element() {}

fn main() {}
