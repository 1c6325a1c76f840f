mod api {
    use linkme::distributed_slice;

    #[distributed_slice]
    static SLICE: [u8];
}

use linkme::distributed_slice;

#[distributed_slice(api::SLICE)]
static ELEMENT: u8 = 1;

fn main() {}
