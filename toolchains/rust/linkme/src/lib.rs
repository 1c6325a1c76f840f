//! Distributed slices: statics that are defined anywhere in a program and gathered into one slice by the linker.
//!
//! ```ignore
//! use linkme::distributed_slice;
//!
//! #[distributed_slice]
//! pub static COMMANDS: [fn(&str)];           // in one crate
//!
//! #[distributed_slice(COMMANDS)]
//! static HELLO: fn(&str) = hello;            // in any crate that is linked
//!
//! #[distributed_slice(COMMANDS, 10)]         // behind those without a position
//! fn bye(name: &str) { /* … */ }
//!
//! for command in COMMANDS { command("…") }
//! ```
//!
//! This crate has the interface of [linkme](https://docs.rs/linkme) 0.3.36 and takes its place by `[patch.crates-io]`. It adds
//! WebAssembly, where the linker has to be ldshim: there each element carries a marker symbol that says which slice it belongs to. On
//! the other platforms it does what linkme does, with their own means.
//!
//! | | WebAssembly | ELF | Mach-O | COFF |
//! |---|---|---|---|---|
//! | elements are the statics themselves | yes | yes | yes | yes |
//! | in crates that nothing else refers to | yes | as the linker has it | as the linker has it | as the linker has it |
//! | order by position | yes | no: that of the link | no: that of the link | yes |
//!
//! Slices of one name in different crates, or in different modules of one crate, are different slices.
//!
//! An element whose type is not that of the slice does not compile, nor does a slice of a type without a size.
//!
//! Without procedural macros the same can be had from the crate linkme-rules, which this one builds on.

#![no_std]

pub use linkme_impl::distributed_slice;
pub use linkme_rules::DistributedSlice;

/// What the expansion of the attribute refers to.
#[doc(hidden)]
pub use linkme_rules::__private;
