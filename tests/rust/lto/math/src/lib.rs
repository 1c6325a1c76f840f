//! Functions that only the linker inlines into other crates. rustc does that by itself to those that are generic, ask for it, or call no other.

fn scrambled(mut x: u32) -> u32 {
    for factor in [0x85eb_ca6b, 0xc2b2_ae35] {
        x = (x ^ (x >> 16)).wrapping_mul(factor);
    }
    x ^ (x >> 13)
}

pub fn mix(x: u32, y: u32) -> u32 {
    scrambled(x ^ y)
}

pub fn turn(x: u32, by: u32) -> u32 {
    scrambled(x).rotate_left(by)
}
