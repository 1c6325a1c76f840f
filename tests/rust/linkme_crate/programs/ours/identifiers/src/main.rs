//! Names beyond ASCII, and keywords.
#![deny(warnings)]

use linkme::distributed_slice;

mod größen {
    #[linkme::distributed_slice]
    pub static GRÖẞEN: [u8];

    // A section of C's has no letters like these: both slices would have the same.
    #[linkme::distributed_slice]
    pub static GRÄẞEN: [u8];
}

#[distributed_slice]
#[allow(non_upper_case_globals)]
static r#type: [u8];

#[distributed_slice]
static 言語: [&str];

#[distributed_slice(größen::GRÖẞEN)]
static ÉLÉMENT: u8 = 1;

#[distributed_slice(größen::GRÄẞEN, 5)]
static Ω: u8 = 2;

#[distributed_slice(r#type)]
#[allow(non_upper_case_globals)]
static r#fn: u8 = 3;

#[distributed_slice(言語)]
static 日本語: &str = "日本語";

fn main() {
    println!("{:?} {:?} {:?} {言語:?}", größen::GRÖẞEN, größen::GRÄẞEN, r#type);
}
