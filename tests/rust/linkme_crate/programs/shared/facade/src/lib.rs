//! Other names for what others have.
#![no_std]
#![deny(warnings, missing_docs)]

pub use api::*;
pub use api::NUMBERS as OTHER;

/// What expansions need.
pub mod hidden {
    pub use linkme;
}
