linkme_rules::slice! {
    static SLICE: [fn(u8)];
}

linkme_rules::element! {
    SLICE: fn(u16) = |_| ();
}

fn main() {}
