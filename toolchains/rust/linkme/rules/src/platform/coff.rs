//! COFF: the linker gathers the sections whose names are equal up to a `$`, and sorts them by what follows it.
//!
//! So the boundaries are statics of our own in `$a` and `$c`, and an element goes into `$b`, with its position behind that.

use core::mem::MaybeUninit;

/// A boundary as large as an element: a static of no size is emitted with one byte by some code generators, which would be
/// in front of the first element. Like the elements it is writable if `T` has interior mutability, and only then: linkers
/// take writable and constant sections of one name for different ones.
#[repr(transparent)]
pub struct Boundary<T>(MaybeUninit<T>);

// SAFETY: nobody reads or writes it.
unsafe impl<T> Sync for Boundary<T> {}

impl<T> Boundary<T> {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Boundary(MaybeUninit::uninit())
    }

    pub(crate) fn first_element(start: *const Self) -> *const T {
        // The compiler knows of no memory behind the static.
        core::hint::black_box(start.cast::<T>().wrapping_add(1))
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_boundaries {
    ([$($linkme:tt)*] $element:ty, $section:expr, $short:expr) => {
        #[link_section = $($linkme)*::__private::concat!(".", $section, "$a")]
        static START: $($linkme)*::__private::Boundary<$element> =
            $($linkme)*::__private::Boundary::new();
        #[link_section = $($linkme)*::__private::concat!(".", $section, "$c")]
        static STOP: $($linkme)*::__private::Boundary<$element> =
            $($linkme)*::__private::Boundary::new();
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_element {
    ([$($linkme:tt)*] $section:expr, $short:expr, $key:expr, $unique:expr, $($item:tt)*) => {
        $($linkme)*::__private::used! {
            #[link_section = $($linkme)*::__private::concat!(".", $section, "$b", $key)]
            $($item)*
        }
    };
}
