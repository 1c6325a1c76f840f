//! Mach-O: the linker defines `section$start$SEGMENT$SECTION` and `section$end$…` for every section that is asked for, an empty one included.
//!
//! The name of a section has at most 16 bytes, so only the slice's hash is in it. It has no part to sort by: positions have no effect here.

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_boundaries {
    ([$($linkme:tt)*] $element:ty, $section:expr, $short:expr) => {
        extern "Rust" {
            // \x01: no underscore in front.
            #[link_name = $($linkme)*::__private::concat!("\x01section$start$__DATA$", $short)]
            static START: $($linkme)*::__private::Boundary<$element>;
            #[link_name = $($linkme)*::__private::concat!("\x01section$end$__DATA$", $short)]
            static STOP: $($linkme)*::__private::Boundary<$element>;
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_element {
    ([$($linkme:tt)*] $section:expr, $short:expr, $key:expr, $unique:expr, $($item:tt)*) => {
        $($linkme)*::__private::used! {
            #[link_section = $($linkme)*::__private::concat!("__DATA,", $short, ",regular,no_dead_strip")]
            $($item)*
        }
    };
}
