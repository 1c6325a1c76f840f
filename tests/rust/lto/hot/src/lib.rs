//! A loop over the operations, and one in which nothing is called but functions of another crate.

use core::hint::black_box;

use table::Operation;

#[cfg(not(feature = "by-hand"))]
extern crate operations as _;

fn all() -> &'static [Operation] {
    #[cfg(not(feature = "by-hand"))]
    let all = table::OPERATIONS.static_slice();
    #[cfg(feature = "by-hand")]
    let all = operations::OPERATIONS;
    // What is in a slice is known when everything is linked, later than anything is inlined: then let nothing be known about the array, either.
    black_box(all)
}

#[no_mangle]
pub extern "C" fn run(rounds: u32) -> u32 {
    let mut x = rounds;
    for i in 0..rounds {
        x = math::turn(math::mix(x, i), x);
    }
    for operation in all() {
        for i in 0..rounds {
            x ^= (operation.run)(i) ^ operation.name.len() as u32;
        }
    }
    x
}
