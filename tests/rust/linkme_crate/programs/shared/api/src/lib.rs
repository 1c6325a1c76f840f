//! Slices for other crates.
#![no_std]
#![deny(warnings, missing_docs)]

use linkme::distributed_slice;

/// Numbers from everywhere.
#[distributed_slice]
pub static NUMBERS: [u32];

/// Functions from everywhere.
#[distributed_slice]
pub static FUNCTIONS: [fn(u32) -> u32];

/// Numbers with positions.
#[distributed_slice]
pub static POSITIONED: [u32];

/// For those who have linkme from another crate only.
#[distributed_slice]
pub static TEXTS: [&str];

#[distributed_slice(NUMBERS)]
static ELEMENT: u32 = 1;

#[distributed_slice(POSITIONED, 7)]
static SEVEN: u32 = 7;
