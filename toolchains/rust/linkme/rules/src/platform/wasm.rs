//! WebAssembly, with ldshim as the linker.
//!
//! rustc refuses pointers in `#[link_section]` statics there, so an element says by its symbol where it belongs: `__ldshim$SECTION$KEY$UNIQUE`.
//! ldshim moves the statics with such names between `__start_SECTION` and `__stop_SECTION`. The slice's own marker is of no size, and so
//! declares a section that may be empty.

/// A program that is linked by another linker fails for want of a library, whose name then says what to do. ldshim takes it off the line.
#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_boundaries {
    ([$($linkme:tt)*] $element:ty, $section:expr, $short:expr) => {
        #[link(name = "ldshim is needed as the linker: pip install ldshim, then ldshim init")]
        extern "C" {}

        extern "Rust" {
            #[link_name = $($linkme)*::__private::concat!("__start_", $section)]
            static START: $($linkme)*::__private::Boundary<$element>;
            #[link_name = $($linkme)*::__private::concat!("__stop_", $section)]
            static STOP: $($linkme)*::__private::Boundary<$element>;
        }

        $($linkme)*::__private::used! {
            #[export_name = $($linkme)*::__private::concat!("__ldshim$", $section, "$$")]
            static DECLARATION: $($linkme)*::__private::Boundary<$element> =
                $($linkme)*::__private::Boundary::new();
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_element {
    ([$($linkme:tt)*] $section:expr, $short:expr, $key:expr, $unique:expr, $($item:tt)*) => {
        $($linkme)*::__private::used! {
            #[export_name = $($linkme)*::__private::concat!(
                "__ldshim$", $section, "$", $key, "$", $($linkme)*::__private::module_path!(), "::", $unique
            )]
            $($item)*
        }
    };
}
