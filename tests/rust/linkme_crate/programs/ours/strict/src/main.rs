//! No unsafe code.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]

include!("../../../everything.rs");
