use linkme::distributed_slice;
use std::cell::Cell;

#[distributed_slice]
static SLICE: [Cell<u8>];

#[distributed_slice(SLICE)]
static ELEMENT: Cell<u8> = Cell::new(1);

fn main() {}
