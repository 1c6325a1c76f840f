//! The report on stdout.

fn main() {
    let mut text = String::new();
    probe::report(&mut text).unwrap();
    print!("{text}");
}
