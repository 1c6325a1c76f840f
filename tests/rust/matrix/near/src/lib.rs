//! A crate of which something is called.
#![no_std]

use core::cell::UnsafeCell;
use core::sync::atomic::AtomicU32;

use api::{Big, Odd, Place, Speak};
use linkme::distributed_slice;

extern crate far as _;

pub fn called() -> u32 {
    5
}

macro_rules! two {
    ($($value:expr),*) => {
        $(const _: () = {
            #[distributed_slice(api::NUMBERS)]
            static TWIN: u32 = $value;
        };)*
    };
}

two!(20, 21);

#[distributed_slice(api::BYTES)]
static BYTE: u8 = 3;

#[distributed_slice(api::NAMES)]
static SAME: &str = "same";

#[distributed_slice(api::BIGS)]
static BIG: Big = Big { name: "near", numbers: [0; 400] };

#[distributed_slice(api::ODDS)]
static ODD: Odd = Odd { a: 10, b: 20, c: 30 };

struct Silence;

impl Speak for Silence {
    fn speak(&self) -> u32 {
        1
    }
}

#[distributed_slice(api::SPEAKERS)]
static SILENCE: &dyn Speak = &Silence;

#[distributed_slice(api::MAYBE)]
static NONE: Option<fn(u32) -> u32> = None;

#[distributed_slice(api::COUNTERS)]
static FROM_ONE: AtomicU32 = AtomicU32::new(1);

#[distributed_slice(api::PLACES)]
static PLACE: Place = Place(UnsafeCell::new(4));

#[distributed_slice(api::WIDE)]
static WIDE: u64 = 2;

#[distributed_slice(api::RANKED)]
static UNRANKED: u32 = 100;

#[distributed_slice(api::RANKED, 9999)]
static LAST: u32 = 9999;
