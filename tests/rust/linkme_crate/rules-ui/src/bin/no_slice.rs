static NUMBER: u8 = 1;

linkme_rules::element! {
    NUMBER: u8 = 2;
    MISSING: u8 = 3;
}

fn main() {}
