//! Other platforms: not known to have a linker that gathers sections.

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_boundaries {
    ([$($linkme:tt)*] $element:ty, $section:expr, $short:expr) => {
        ::core::compile_error!("distributed_slice is not implemented for this platform");

        // One error is enough.
        static START: $($linkme)*::__private::Boundary<$element> = $($linkme)*::__private::Boundary::new();
        static STOP: $($linkme)*::__private::Boundary<$element> = $($linkme)*::__private::Boundary::new();
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_element {
    ([$($linkme:tt)*] $section:expr, $short:expr, $key:expr, $unique:expr, $($item:tt)*) => { $($item)* };
}
