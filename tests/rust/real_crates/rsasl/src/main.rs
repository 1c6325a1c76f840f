//! Prints the mechanisms that rsasl has registered, and one that is added here as its documentation says.

use rsasl::mechname::Mechname;
use rsasl::registry::{distributed_slice, Mechanism, Side, MECHANISMS};

#[distributed_slice(MECHANISMS)]
static OURS: Mechanism = Mechanism::build(Mechname::const_new_unchecked(b"X-OURS"), 10, None, None, Side::Client, |_| None, |_| true);

fn main() {
    for mechanism in MECHANISMS {
        println!("{mechanism:?}");
    }
}
