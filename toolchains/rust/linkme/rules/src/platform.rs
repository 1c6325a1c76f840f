//! How statics come to lie side by side: by marker symbols on WebAssembly, by sections elsewhere.
//!
//! Each platform has two macros. `boundaries!` defines `START` and `STOP`, between which the elements of a slice are. `element!` puts an
//! attribute on the static of an element. They are chosen when this crate is compiled, so an expansion has one platform's code only.
//!
//! Attributes and `extern` blocks are written here, not by the procedural macro, and without `unsafe(...)`: their edition is then that
//! of this crate, whatever the edition of the program and however old its compiler.

#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(all(
    not(target_family = "wasm"),
    any(
        target_os = "none",
        target_os = "linux",
        target_os = "android",
        target_os = "fuchsia",
        target_os = "freebsd",
        target_os = "openbsd",
        target_os = "illumos",
        target_os = "psp",
    )
))]
mod elf;

#[cfg(any(target_os = "macos", target_os = "ios", target_os = "tvos"))]
mod macho;

#[cfg(any(target_os = "windows", target_os = "uefi"))]
mod coff;

#[cfg(not(any(
    target_family = "wasm",
    target_os = "none",
    target_os = "linux",
    target_os = "android",
    target_os = "fuchsia",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "illumos",
    target_os = "psp",
    target_os = "macos",
    target_os = "ios",
    target_os = "tvos",
    target_os = "windows",
    target_os = "uefi",
)))]
mod unsupported;

#[cfg(any(target_os = "windows", target_os = "uefi"))]
pub use self::coff::Boundary;
#[cfg(not(any(target_os = "windows", target_os = "uefi")))]
pub use self::empty::Boundary;

/// Boundaries that are symbols of the linker's.
#[cfg(not(any(target_os = "windows", target_os = "uefi")))]
mod empty {
    use core::cell::UnsafeCell;

    /// A place with the alignment of `T`. It is of no size: compilers take the addresses of two *objects* to be different, and would
    /// never end a loop over an empty slice. It is writable, and with it the section, whatever the elements are.
    #[repr(transparent)]
    pub struct Boundary<T>(UnsafeCell<[T; 0]>);

    // SAFETY: there is nothing in it.
    unsafe impl<T> Sync for Boundary<T> {}

    impl<T> Boundary<T> {
        #[allow(clippy::new_without_default)]
        pub const fn new() -> Self {
            Boundary(UnsafeCell::new([]))
        }

        pub(crate) fn first_element(start: *const Self) -> *const T {
            start.cast()
        }
    }
}

/// The initializer of the static that stands for a slice.
#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_slice {
    ([$($linkme:tt)*] $slice:ty, $section:expr, $short:expr) => {{
        $($linkme)*::__private::boundaries! {
            [$($linkme)*] <$slice as $($linkme)*::__private::Slice>::Element, $section, $short
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

/// The attribute that keeps a static which nothing refers to.
#[cfg(not(feature = "used_linker"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_used {
    ($($item:tt)*) => { #[used] $($item)* };
}

#[cfg(feature = "used_linker")]
#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_used {
    ($($item:tt)*) => { #[used(linker)] $($item)* };
}
