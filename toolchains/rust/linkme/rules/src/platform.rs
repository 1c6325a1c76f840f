//! How statics come to lie side by side: by marker symbols on WebAssembly, by sections elsewhere.
//!
//! Each platform has two macros. `slice!` is the initializer of the static that stands for the slice: it knows the boundaries. `element!` puts
//! an attribute on the static of an element. They are chosen when this crate is compiled, so an expansion has one platform's code only.
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
pub use self::coff::{Boundary, Start, Stop};
#[cfg(not(any(target_os = "windows", target_os = "uefi")))]
pub use self::empty::{Boundary, Start, Stop};

/// Boundaries that are symbols of the linker's.
#[cfg(not(any(target_os = "windows", target_os = "uefi")))]
mod empty {
    use core::cell::UnsafeCell;

    /// A place with the alignment of `T`. It is of no size: compilers take the addresses of two *objects* to be different, and would
    /// never end a loop over an empty slice. It is writable, and with it the section, whatever the elements are.
    #[repr(transparent)]
    pub struct Boundary<T>(UnsafeCell<[T; 0]>);

    pub type Start<T> = Boundary<T>;
    pub type Stop<T> = Boundary<T>;

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
