//! A crate that nothing refers to.
#![no_std]

use core::cell::UnsafeCell;
use core::sync::atomic::AtomicU32;

use api::{Big, Odd, Place, Speak};
use linkme::distributed_slice;

#[distributed_slice(api::NUMBERS)]
static A: u32 = 10;

pub mod deep {
    use linkme::distributed_slice;

    // Of one name and value with the one above: two elements all the same.
    #[distributed_slice(api::NUMBERS)]
    static A: u32 = 10;

    #[distributed_slice(api::BYTES)]
    static ZERO: u8 = 0;
}

#[distributed_slice(api::NAMES)]
static FAR: &str = "far";

#[distributed_slice(api::NAMES)]
static SAME: &str = "same";

#[distributed_slice(api::BIGS)]
static BIG: Big = Big { name: "far", numbers: [7; 400] };

#[distributed_slice(api::ODDS)]
static ODD: Odd = Odd { a: 1, b: 2, c: 3 };

struct Voice(u32);

impl Speak for Voice {
    fn speak(&self) -> u32 {
        self.0
    }
}

#[distributed_slice(api::SPEAKERS)]
static VOICE: &dyn Speak = &Voice(100);

#[distributed_slice(api::MAYBE)]
static SOME: Option<fn(u32) -> u32> = Some(double);

fn double(x: u32) -> u32 {
    x * 2
}

#[distributed_slice(api::COUNTERS)]
static ZEROED: AtomicU32 = AtomicU32::new(0);

#[distributed_slice(api::PLACES)]
static PLACE: Place = Place(UnsafeCell::new(0));

#[distributed_slice(api::WIDE)]
static WIDE: u64 = 1 << 40;

#[distributed_slice(api::RANKED, 10)]
static TENTH: u32 = 10;
