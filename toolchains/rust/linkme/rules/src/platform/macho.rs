//! Mach-O: the linker defines `section$start$SEGMENT$SECTION` and `section$end$…` for every section that is asked for, an empty one included.
//!
//! The name of a section has at most 16 bytes, so only the slice's hash is in it. It has no part to sort by: positions have no effect here.

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_slice {
    ([$($linkme:tt)*] $slice:ty, $section:expr, $short:expr) => {{
        extern "Rust" {
            // \x01: no underscore in front.
            #[link_name = $($linkme)*::__private::concat!("\x01section$start$__DATA$", $short)]
            static START: $($linkme)*::__private::Start<<$slice as $($linkme)*::__private::Slice>::Element>;
            #[link_name = $($linkme)*::__private::concat!("\x01section$end$__DATA$", $short)]
            static STOP: $($linkme)*::__private::Stop<<$slice as $($linkme)*::__private::Slice>::Element>;
        }

        // SAFETY: only elements of this slice name this section, and their types are checked.
        unsafe {
            $($linkme)*::DistributedSlice::private_new(
                $($linkme)*::__private::addr_of!(START),
                $($linkme)*::__private::addr_of!(STOP),
            )
        }
    }};
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
