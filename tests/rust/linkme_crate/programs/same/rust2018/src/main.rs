//! Rust 2018.
#![deny(warnings, missing_docs, rust_2024_compatibility)]
// The registry's linkme is warned of for slices in bodies.
#![allow(non_local_definitions)]

include!("../../../everything.rs");
