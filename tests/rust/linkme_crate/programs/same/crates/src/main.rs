use linkme::distributed_slice;

#[distributed_slice(facade::NUMBERS)]
static ELEMENT: u32 = 6;

#[distributed_slice(facade::FUNCTIONS)]
fn function(x: u32) -> u32 {
    x + 1000
}

#[distributed_slice(facade::POSITIONED, 9)]
static NINE: u32 = 9;
#[distributed_slice(facade::POSITIONED)]
static WITHOUT: u32 = 20000;

fn sorted<T: Ord>(elements: impl Iterator<Item = T>) -> Vec<T> {
    let mut elements: Vec<T> = elements.collect();
    elements.sort();
    elements
}

fn main() {
    near::be_here();
    far::be_here();
    crates::be_here();
    println!("numbers: {:?}", sorted(facade::OTHER.iter()));
    println!("functions: {:?}", sorted(facade::FUNCTIONS.iter().map(|f| f(0))));
    println!("texts: {:?}", facade::TEXTS);
    println!("own: {:?}", far::OWN);
    println!("positions: {:?}", facade::POSITIONED);
}
