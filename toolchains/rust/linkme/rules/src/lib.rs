//! Distributed slices without a procedural macro.
//!
//! ```ignore
//! linkme_rules::slice! {
//!     pub static COMMANDS: [fn(&str)];            // in one crate
//! }
//!
//! linkme_rules::element! {
//!     api::COMMANDS: fn(&str) = hello;            // in any crate that is linked
//! }
//!
//! for command in api::COMMANDS { command("…") }
//! ```
//!
//! What linkme has and this has not: elements with names of their own, functions as elements, positions, and slices whose names other
//! crates may use, too. The name of the slice is the name of its section in the whole program: two slices of one name are an error
//! of the linker's. With Mach-O it can have 16 bytes.
//!
//! On WebAssembly the linker has to be ldshim.

#![no_std]

mod distributed_slice;
mod macros;
mod platform;

pub use crate::distributed_slice::DistributedSlice;

/// What expansions refer to.
#[doc(hidden)]
pub mod __private {
    pub use crate::distributed_slice::Slice;
    pub use crate::platform::Boundary;
    pub use crate::{__linkme_boundaries as boundaries, __linkme_element as element, __linkme_slice as slice, __linkme_used as used};
    pub use core::ptr::{addr_of, null};
    pub use core::{concat, module_path, stringify};
}
