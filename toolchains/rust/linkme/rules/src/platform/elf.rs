//! ELF: linkers gather the sections of one name, and define `__start_NAME` and `__stop_NAME` where NAME is an identifier of C.
//!
//! They leave the pieces of a section in the order in which they meet them. A position could only be part of the section's name, and another name is
//! another section, outside the boundaries: so positions have no effect here.

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_boundaries {
    ([$($linkme:tt)*] $element:ty, $section:expr, $short:expr) => {
        extern "Rust" {
            #[cfg_attr(target_os = "illumos", link_name = $($linkme)*::__private::concat!("__start_set_", $section))]
            #[cfg_attr(not(target_os = "illumos"), link_name = $($linkme)*::__private::concat!("__start_", $section))]
            static START: $($linkme)*::__private::Boundary<$element>;
            #[cfg_attr(target_os = "illumos", link_name = $($linkme)*::__private::concat!("__stop_set_", $section))]
            #[cfg_attr(not(target_os = "illumos"), link_name = $($linkme)*::__private::concat!("__stop_", $section))]
            static STOP: $($linkme)*::__private::Boundary<$element>;
        }

        // Without elements there would be no section, and no boundaries.
        $($linkme)*::__private::used! {
            #[cfg_attr(target_os = "illumos", link_section = $($linkme)*::__private::concat!("set_", $section))]
            #[cfg_attr(not(target_os = "illumos"), link_section = $section)]
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
            #[cfg_attr(target_os = "illumos", link_section = $($linkme)*::__private::concat!("set_", $section))]
            #[cfg_attr(not(target_os = "illumos"), link_section = $section)]
            $($item)*
        }
    };
}
