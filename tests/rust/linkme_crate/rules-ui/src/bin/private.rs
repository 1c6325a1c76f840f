mod api {
    linkme_rules::slice! {
        static SLICE: [u8];
    }
}

linkme_rules::element! {
    api::SLICE: u8 = 1;
}

fn main() {}
