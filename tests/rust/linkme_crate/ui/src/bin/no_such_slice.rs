use linkme::distributed_slice;

mod api {}

#[distributed_slice(SLICE)]
static HERE: u8 = 1;

#[distributed_slice(api::SLICE)]
static IN_MODULE: u8 = 1;

#[distributed_slice(nowhere::SLICE)]
static IN_NOTHING: u8 = 1;

fn main() {}
