linkme_rules::slice! {
    static SLICE: [std::cell::Cell<u8>];
}

linkme_rules::element! {
    SLICE: std::cell::Cell<u8> = std::cell::Cell::new(1);
}

fn main() {}
