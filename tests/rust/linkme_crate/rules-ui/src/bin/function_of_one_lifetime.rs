linkme_rules::slice! {
    static SLICE: [fn(&str)];
}

linkme_rules::element! {
    SLICE: fn(&'static str) = |_| ();
}

fn main() {}
