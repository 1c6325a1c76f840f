//! The macros for programmers.

/// Declares slices: `pub static NAME: [T];`, with attributes and any visibility.
#[macro_export]
macro_rules! slice {
    ($($(#[$attribute:meta])* $visibility:vis static $name:ident: [$element:ty];)*) => {$(
        $(#[$attribute])*
        $visibility static $name: $crate::DistributedSlice<[$element]> = {
            $crate::__linkme_one_of_a_name!($name);
            $crate::__linkme_slice!([$crate] [$element], $crate::__private::stringify!($name), $crate::__private::stringify!($name))
        };
    )*};
}

/// Defines elements: `path::to::SLICE: T = value;`.
#[macro_export]
macro_rules! element {
    // Not `ident`: what is wrong with a path of those is reported at the whole call.
    ($($($slice:tt)::+: $element:ty = $value:expr;)*) => {$(
        $crate::__linkme_named_by_last! { [$($slice)::+] $($slice)::+; $element; $value }
    )*};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_named_by_last {
    ([$($slice:tt)+] $module:ident::$($rest:ident)::+; $($element:tt)*) => {
        $crate::__linkme_named_by_last! { [$($slice)+] $($rest)::+; $($element)* }
    };
    ([$($slice:tt)+] $name:ident; $element:ty; $value:expr) => {
        const _: () = {
            // Names that the value is not likely to use: it would find these.
            const __LINKME_TYPE: *const $element = $crate::__private::null();
            #[allow(dead_code)]
            fn __linkme_typecheck() {
                // With the type written out it is the slice that is reported if they differ, and so the line.
                $crate::DistributedSlice::<[$element]>::private_typecheck_address($($slice)+, __LINKME_TYPE);
            }
            $crate::__linkme_nameless_element! { $name, static __LINKME_ELEMENT: $element = $value; }
        };
    };
}

/// The path of the static says that it is an element, and of what: compilers write it into the symbol, `__ldshim::SECTION::ELEMENT`. Unlike
/// a name of our own it is unique without our help, whatever macros and versions of packages there are.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_nameless_element {
    ($name:ident, $($item:tt)*) => {
        #[allow(dead_code, non_snake_case)]
        fn __ldshim() {
            fn $name() {
                $crate::__linkme_used! { $($item)* }
            }
        }
    };
}

#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_nameless_element {
    ($name:ident, $($item:tt)*) => {
        $crate::__linkme_element! { [$crate] $crate::__private::stringify!($name), $crate::__private::stringify!($name), "", "", $($item)* }
    };
}

/// Elements of two slices with one name would lie in one section, whatever their types: so the linker must not accept two. On WebAssembly the marker of
/// the declaration sees to it.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_one_of_a_name {
    ($name:ident) => {};
}

#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __linkme_one_of_a_name {
    ($name:ident) => {
        $crate::__linkme_used! {
            #[export_name = $crate::__private::concat!("linkme slice ", $crate::__private::stringify!($name))]
            static ONE_OF_A_NAME: u8 = 0;
        }
    };
}
