use linkme::distributed_slice;

#[distributed_slice(first::SLICE)]
static ELEMENT: u32 = 2;

#[distributed_slice(second::SLICE)]
static OTHER: &str = "ours";

fn main() {
    let mut numbers = first::SLICE.to_vec();
    numbers.sort_unstable();
    let mut texts = second::SLICE.to_vec();
    texts.sort_unstable();
    println!("{numbers:?} {texts:?}");
}
