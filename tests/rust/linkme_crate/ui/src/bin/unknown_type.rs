use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [Missing];

#[distributed_slice]
static OTHER: [u8];

#[distributed_slice(OTHER)]
static ELEMENT: Missing = 1;

fn main() {}
