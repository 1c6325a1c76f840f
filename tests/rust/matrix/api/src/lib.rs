//! The slices, of types of all sorts.
#![no_std]

use core::cell::UnsafeCell;
use core::sync::atomic::AtomicU32;

use linkme::distributed_slice;

/// Large, and aligned to more than any of its fields.
#[repr(align(16))]
pub struct Big {
    pub name: &'static str,
    pub numbers: [u32; 400],
}

/// Six bytes: no power of two.
#[repr(C)]
pub struct Odd {
    pub a: u16,
    pub b: u16,
    pub c: u16,
}

pub trait Speak: Sync {
    fn speak(&self) -> u32;
}

pub struct Place(pub UnsafeCell<u32>);

// SAFETY: no threads.
unsafe impl Sync for Place {}

#[distributed_slice]
pub static NUMBERS: [u32];

#[distributed_slice]
pub static BYTES: [u8];

#[distributed_slice]
pub static NAMES: [&str];

#[distributed_slice]
pub static BIGS: [Big];

#[distributed_slice]
pub static ODDS: [Odd];

#[distributed_slice]
pub static SPEAKERS: [&dyn Speak];

#[distributed_slice]
pub static MAYBE: [Option<fn(u32) -> u32>];

#[distributed_slice]
pub static COUNTERS: [AtomicU32];

#[distributed_slice]
pub static PLACES: [Place];

#[distributed_slice]
pub static WIDE: [u64];

#[distributed_slice]
pub static EMPTY: [Big];

/// Sorted, where the platform can.
#[distributed_slice]
pub static RANKED: [u32];

#[distributed_slice(NUMBERS)]
pub static OF_API: u32 = 1;

#[distributed_slice(RANKED, 3)]
static THIRD: u32 = 3;
