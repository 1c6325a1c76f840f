linkme_rules::slice! {
    static SLICE: [u8];
}

linkme_rules::element! {
    SLICE: u16 = 1;
}

fn main() {}
