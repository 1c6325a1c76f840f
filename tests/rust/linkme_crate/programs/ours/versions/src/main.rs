fn main() {
    let mut numbers = api::NUMBERS.to_vec();
    numbers.sort_unstable();
    println!("{:?} {:?} {numbers:?}", dep_1::SLICE, dep_2::SLICE);
}
