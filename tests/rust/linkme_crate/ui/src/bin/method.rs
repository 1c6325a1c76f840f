use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [fn(&S)];

struct S;

impl S {
    #[distributed_slice(SLICE)]
    fn element(&self) {}
}

fn main() {}
