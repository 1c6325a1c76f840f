linkme_rules::slice! {
    static SLICE: [u8];
}

linkme_rules::element! {
    SLICE: u8 = "one";
}

fn main() {}
