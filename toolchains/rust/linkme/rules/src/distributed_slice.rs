use core::fmt::{self, Debug};
use core::mem::size_of;
use core::ops::Deref;
use core::slice;

use crate::platform::Boundary;

/// The elements of a slice that the linker has put together.
///
/// `#[distributed_slice]` on `static NAME: [T];` makes it a `static NAME: DistributedSlice<[T]>`. It is used like a `&'static [T]`.
pub struct DistributedSlice<T: ?Sized + Slice> {
    start: Address<Boundary<T::Element>>,
    stop: Address<Boundary<T::Element>>,
}

/// `[T]`, whose element the expansion has to name.
#[doc(hidden)]
pub trait Slice {
    type Element;
}

impl<T> Slice for [T] {
    type Element = T;
}

/// The address of a boundary. The memory between two of them is that of statics, whose types had to be `Sync`.
struct Address<T>(*const T);

unsafe impl<T> Send for Address<T> {}
unsafe impl<T> Sync for Address<T> {}

impl<T> Copy for Address<T> {}

impl<T> Clone for Address<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> DistributedSlice<[T]> {
    /// # Safety
    ///
    /// Between the boundaries there are elements of type `T` and nothing else.
    #[doc(hidden)]
    #[track_caller]
    pub const unsafe fn private_new(start: *const Boundary<T>, stop: *const Boundary<T>) -> Self {
        assert!(size_of::<T>() != 0, "#[distributed_slice] requires that the slice element type has nonzero size");
        DistributedSlice { start: Address(start), stop: Address(stop) }
    }

    /// Compiles if `T` is the type of the element that `get` returns; never called.
    #[doc(hidden)]
    pub fn private_typecheck(self, get: fn() -> &'static T) {
        let _ = get;
    }

    /// Compiles if `T` is the type that `address` points to, since no pointer turns into one to another type by itself; never called.
    #[doc(hidden)]
    pub const fn private_typecheck_address(self, address: *const T) {
        let _ = address;
    }

    /// All elements that are linked into the program.
    ///
    /// There is seldom a need to call it: indexing, iteration and the methods of slices work on the static itself.
    #[inline]
    pub fn static_slice(self) -> &'static [T] {
        let start = Boundary::first_element(self.start.0);
        let length = (self.stop.0 as usize - start as usize) / size_of::<T>();
        // SAFETY: so `private_new` was promised.
        unsafe { slice::from_raw_parts(start, length) }
    }
}

impl<T> Copy for DistributedSlice<[T]> {}

impl<T> Clone for DistributedSlice<[T]> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Deref for DistributedSlice<[T]> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &'static [T] {
        self.static_slice()
    }
}

impl<T: 'static> IntoIterator for DistributedSlice<[T]> {
    type Item = &'static T;
    type IntoIter = slice::Iter<'static, T>;

    #[inline]
    fn into_iter(self) -> slice::Iter<'static, T> {
        self.static_slice().iter()
    }
}

impl<T: Debug + 'static> Debug for DistributedSlice<[T]> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        Debug::fmt(self.static_slice(), formatter)
    }
}
