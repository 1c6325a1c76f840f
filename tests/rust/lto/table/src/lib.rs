//! The slice of which another crate has the elements; by hand there is none.

pub struct Operation {
    pub name: &'static str,
    pub run: fn(u32) -> u32,
}

#[cfg(not(feature = "by-hand"))]
#[linkme::distributed_slice]
pub static OPERATIONS: [Operation];
