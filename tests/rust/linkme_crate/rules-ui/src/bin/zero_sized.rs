linkme_rules::slice! {
    static SLICE: [()];
}

fn main() {}
