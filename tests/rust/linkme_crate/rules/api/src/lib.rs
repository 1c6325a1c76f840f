//! Slices, and some elements of them.
#![no_std]
#![deny(warnings, missing_docs)]

/// Slices that are not at the root.
pub mod a {
    linkme_rules::slice! {
        /// Numbers from everywhere.
        pub static NUMBERS: [u32];

        /// Functions from everywhere.
        #[doc(alias = "callbacks")]
        pub static FUNCTIONS: [fn(&str) -> usize];

        pub(crate) static INTERNAL: [(u8, &'static str)];
    }
}

linkme_rules::slice! {
    /// A slice without elements.
    pub static NOTHING: [u64];
    /// Elements that change.
    pub static COUNTERS: [core::sync::atomic::AtomicU32];
    /// Elements that are no constants of their own.
    pub static TEXTS: [&'static str];
}

linkme_rules::element! {
    crate::a::NUMBERS: u32 = 1;
    a::NUMBERS: u32 = {
        const BASE: u32 = 2;
        static LOCAL: u32 = BASE;
        LOCAL * 5
    };
    self::a::INTERNAL: (u8, &'static str) = (7, "internal");
    NOTHING_BUT_ONE: u8 = 1;
}

linkme_rules::slice! {
    static NOTHING_BUT_ONE: [u8];
}

/// The sum of what is in the slices that others cannot see.
pub fn internal() -> usize {
    a::INTERNAL.iter().map(|&(number, text)| usize::from(number) + text.len()).sum::<usize>() + NOTHING_BUT_ONE.len()
}
