use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [fn(u8) -> u8];

#[distributed_slice(SLICE)]
fn no_argument() -> u8 {
    1
}

#[distributed_slice(SLICE)]
fn no_result(_: u8) {}

fn main() {}
