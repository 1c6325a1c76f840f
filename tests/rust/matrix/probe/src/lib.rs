//! Says what is in the slices, and whether it is the statics themselves. The lines are the same on every platform.
#![no_std]

use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::mem::{align_of, size_of};
use core::sync::atomic::{AtomicU32, Ordering};

use api::{Big, Odd, Place, Speak};
use linkme::{distributed_slice, DistributedSlice};

#[distributed_slice(api::NUMBERS)]
static OWN: u32 = 30;

#[distributed_slice(api::BYTES)]
static BYTE: u8 = 255;

#[distributed_slice(api::NAMES)]
static NAME: &str = "probe";

#[distributed_slice(api::BIGS)]
static BIG: Big = Big { name: "probe", numbers: [1; 400] };

#[distributed_slice(api::ODDS)]
static ODD: Odd = Odd { a: 100, b: 200, c: 300 };

struct Own;

impl Speak for Own {
    fn speak(&self) -> u32 {
        10
    }
}

#[distributed_slice(api::SPEAKERS)]
static SPEAKER: &dyn Speak = &Own;

#[distributed_slice(api::MAYBE)]
static FUNCTION: Option<fn(u32) -> u32> = Some(plus_one);

fn plus_one(x: u32) -> u32 {
    x + 1
}

#[distributed_slice(api::COUNTERS)]
static COUNTER: AtomicU32 = AtomicU32::new(50);

#[distributed_slice(api::PLACES)]
static PLACE: Place = Place(UnsafeCell::new(9));

#[distributed_slice(api::WIDE)]
static WIDE: u64 = 3;

#[distributed_slice(api::RANKED, 0)]
static ZEROTH: u32 = 0;

pub fn report(out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "called {}", near::called())?;
    writeln!(out, "NUMBERS {:?}", sorted(api::NUMBERS, |x| *x).as_slice())?;
    writeln!(out, "BYTES {:?}", sorted(api::BYTES, |x| u32::from(*x)).as_slice())?;
    writeln!(out, "NAMES {:?}", sorted(api::NAMES, |x| checksum(x.as_bytes())).as_slice())?;
    writeln!(out, "BIGS {:?}", sorted(api::BIGS, |x| x.numbers.iter().sum::<u32>() + x.name.len() as u32).as_slice())?;
    writeln!(out, "ODDS {:?}", sorted(api::ODDS, |x| u32::from(x.a) + u32::from(x.b) + u32::from(x.c)).as_slice())?;
    writeln!(out, "SPEAKERS {:?}", sorted(api::SPEAKERS, |x| x.speak()).as_slice())?;
    writeln!(out, "MAYBE {:?}", sorted(api::MAYBE, |x| x.map_or(0, |f| f(20))).as_slice())?;
    writeln!(out, "WIDE {:?}", sorted(api::WIDE, |x| (*x >> 20) as u32 + *x as u32).as_slice())?;
    writeln!(out, "RANKED {:?}", sorted(api::RANKED, |x| *x).as_slice())?;
    writeln!(out, "EMPTY {}", api::EMPTY.len())?;
    writeln!(out, "order {:?}", api::RANKED)?;

    for counter in api::COUNTERS {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    COUNTER.fetch_add(100, Ordering::Relaxed);
    writeln!(out, "COUNTERS {:?}", sorted(api::COUNTERS, |x| x.load(Ordering::Relaxed)).as_slice())?;
    // SAFETY: no threads.
    unsafe {
        for place in api::PLACES {
            *place.0.get() += 1;
        }
        *PLACE.0.get() += 1000;
        writeln!(out, "PLACES {:?}", sorted(api::PLACES, |x| *x.0.get()).as_slice())?;
    }

    for (name, own) in [
        ("NUMBERS", is_in(&OWN, api::NUMBERS) && is_in(&api::OF_API, api::NUMBERS)),
        ("BYTES", is_in(&BYTE, api::BYTES)),
        ("NAMES", is_in(&NAME, api::NAMES)),
        ("BIGS", is_in(&BIG, api::BIGS)),
        ("ODDS", is_in(&ODD, api::ODDS)),
        ("SPEAKERS", is_in(&SPEAKER, api::SPEAKERS)),
        ("MAYBE", is_in(&FUNCTION, api::MAYBE)),
        ("COUNTERS", is_in(&COUNTER, api::COUNTERS)),
        ("PLACES", is_in(&PLACE, api::PLACES)),
        ("WIDE", is_in(&WIDE, api::WIDE)),
        ("EMPTY", (api::EMPTY.as_ptr() as usize) % align_of::<Big>() == 0),
    ] {
        writeln!(out, "{name} in place: {own}")?;
    }
    Ok(())
}

/// Whether the static is an element of the slice, and the slice is aligned for it.
fn is_in<T>(element: &'static T, slice: DistributedSlice<[T]>) -> bool {
    let start = slice.as_ptr() as usize;
    let offset = (element as *const T as usize).wrapping_sub(start);
    start % align_of::<T>() == 0 && offset % size_of::<T>() == 0 && offset / size_of::<T>() < slice.len()
}

fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(7, |sum, byte| sum * 31 + u32::from(*byte))
}

struct Sorted {
    values: [u32; 16],
    count: usize,
}

impl Sorted {
    fn as_slice(&self) -> &[u32] {
        &self.values[..self.count]
    }
}

fn sorted<T: 'static>(slice: DistributedSlice<[T]>, value: impl Fn(&'static T) -> u32) -> Sorted {
    let mut sorted = Sorted { values: [0; 16], count: 0 };
    for element in slice {
        sorted.values[sorted.count] = value(element);
        sorted.count += 1;
    }
    sorted.values[..sorted.count].sort_unstable();
    sorted
}
