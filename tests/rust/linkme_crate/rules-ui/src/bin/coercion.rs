linkme_rules::slice! {
    static SLICE: [&'static str];
}

linkme_rules::element! {
    SLICE: &'static &'static str = &"one reference more";
}

fn main() {}
