mod api {
    pub mod slices {
        linkme_rules::slice! {
            pub static SLICE: [u8];
        }
    }
}

linkme_rules::element! {
    api::slices::SLICE: u8 = 1;
    api::slices::SLICE: u16 = 2;
    api::slices: u8 = 3;
}

fn main() {}
