linkme_rules::element! {
    5: u8 = 1;
}

fn main() {}
