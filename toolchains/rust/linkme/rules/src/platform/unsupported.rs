//! Other platforms: not known to have a linker that gathers sections.

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_slice {
    ($($anything:tt)*) => {
        ::core::compile_error!("distributed_slice is not implemented for this platform")
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_element {
    ([$($linkme:tt)*] $section:expr, $short:expr, $key:expr, $unique:expr, $($item:tt)*) => { $($item)* };
}
