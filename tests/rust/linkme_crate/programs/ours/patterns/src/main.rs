//! Functions whose arguments are no plain names.
#![deny(warnings)]

use linkme::distributed_slice;

mod other {
    pub struct Point<T> {
        pub x: T,
        pub y: T,
    }
}

#[distributed_slice]
static PAIRS: [fn((u8, u8)) -> u8];
#[distributed_slice]
static POINTS: [fn(other::Point<u8>) -> u8];
#[distributed_slice]
static REFERENCES: [fn(&u8, &mut [u8; 2]) -> u8];

#[distributed_slice(PAIRS)]
fn tuple((a, b): (u8, u8)) -> u8 {
    a + b
}

#[distributed_slice(PAIRS)]
fn attribute(#[cfg(all())] #[allow(unused_variables)] pair: (u8, u8)) -> u8 {
    3
}

#[distributed_slice(POINTS)]
fn fields(other::Point { x: first, y }: other::Point<u8>) -> u8 {
    first + y
}

#[distributed_slice(POINTS)]
fn global_path(self::other::Point::<u8> { x, .. }: other::Point<u8>) -> u8 {
    x
}

#[distributed_slice(REFERENCES)]
fn binding(&x: &u8, whole @ [_, _]: &mut [u8; 2]) -> u8 {
    whole[0] += 1;
    whole[0] + x
}

#[distributed_slice(REFERENCES)]
#[deprecated]
fn old(_: &u8, &mut [ref first, ..]: &mut [u8; 2]) -> u8 {
    *first
}

fn main() {
    let mut results: Vec<u8> = PAIRS.iter().map(|f| f((10, 20))).collect();
    results.extend(POINTS.iter().map(|f| f(other::Point { x: 1, y: 100 })));
    results.extend(REFERENCES.iter().map(|f| f(&60, &mut [70, 80])));
    results.sort_unstable();
    println!("{results:?}");
}
