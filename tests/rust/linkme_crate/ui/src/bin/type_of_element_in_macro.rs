use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [u8];

macro_rules! element {
    ($name:ident: $ty:ty = $value:expr) => {
        #[distributed_slice(SLICE)]
        static $name: $ty = $value;
    };
}

element! { RIGHT: u8 = 1 }
element! { WRONG: u16 = 1 }

fn main() {}
