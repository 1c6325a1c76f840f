//! Benchmarks for divan, whose own command line finds and runs them.

mod strings {
    #[divan::bench]
    fn concatenate() -> String {
        divan::black_box(String::from("a")) + "b"
    }

    #[divan::bench(name = "renamed")]
    fn format() -> String {
        format!("{}b", divan::black_box("a"))
    }
}

#[divan::bench(consts = [1, 2])]
fn fill<const SIZE: usize>() -> [u8; SIZE] {
    [divan::black_box(0); SIZE]
}

fn main() {
    divan::main();
}
