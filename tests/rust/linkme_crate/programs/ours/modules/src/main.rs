use linkme::distributed_slice;

mod first {
    #[linkme::distributed_slice]
    pub static SLICE: [u32];

    #[linkme::distributed_slice(SLICE)]
    static ELEMENT: u32 = 1;
}

mod second {
    #[linkme::distributed_slice]
    pub static SLICE: [&str];

    #[linkme::distributed_slice(SLICE)]
    static ELEMENT: &str = "second";
}

fn third() -> &'static [char] {
    #[distributed_slice]
    static SLICE: [char];

    #[distributed_slice(SLICE)]
    static ELEMENT: char = '3';

    SLICE.static_slice()
}

#[distributed_slice(first::SLICE)]
static ELEMENT: u32 = 2;

#[distributed_slice(second::SLICE)]
static OTHER: &str = "ours";

fn main() {
    let mut numbers = first::SLICE.to_vec();
    numbers.sort_unstable();
    let mut texts = second::SLICE.to_vec();
    texts.sort_unstable();
    println!("{numbers:?} {texts:?} {:?}", third());
}
