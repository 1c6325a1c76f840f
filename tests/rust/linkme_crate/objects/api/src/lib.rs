//! The slices, and elements in another crate than the rest.
#![no_std]

use core::sync::atomic::AtomicU64;

use linkme::distributed_slice;

/// Constants.
#[distributed_slice]
pub static NUMBERS: [u32];

/// Two words each, with relocations.
#[distributed_slice]
pub static TEXTS: [&str];

/// Of 24 bytes: linkers must not align what is behind the first.
pub struct Counter {
    pub name: &'static str,
    pub value: AtomicU64,
}

/// Interior-mutable ones.
#[distributed_slice]
pub static COUNTERS: [Counter];

/// A slice without elements.
#[distributed_slice]
pub static EMPTY: [u64];

#[distributed_slice(NUMBERS, 200)]
static TWO_HUNDRED: u32 = 0x1000_0200;
#[distributed_slice(NUMBERS)]
static WITHOUT: u32 = 0x1000_0000;
#[distributed_slice(TEXTS, 20)]
static TWENTY: &str = "twenty in api";
#[distributed_slice(COUNTERS, 3)]
static THREE: Counter = Counter { name: "three in api", value: AtomicU64::new(3) };
