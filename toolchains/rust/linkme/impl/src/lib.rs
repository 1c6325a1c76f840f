//! The attribute of linkme: `#[distributed_slice]` on the slice, `#[distributed_slice(PATH)]` on an element.
//!
//! The two never see each other: slice and elements are in different crates. What connects them is a macro of the slice's name, which the first
//! expansion defines beside the static. An element's expansion calls it by the path that the programmer wrote, and gets the slice's section:
//!
//! ```text
//! #[distributed_slice] static X: [T];     static X: DistributedSlice<[T]> = slice!(…, "X_hash", …);
//!                                         macro X { (element) => { element!("X_hash", element) } }
//!
//! #[distributed_slice(path::X)] static E  path::X! { static E }
//! ```
//!
//! What `slice!` and `element!` do is the business of the platform; they are in the crate linkme.

mod args;
mod attributes;
mod declaration;
mod element;
mod identity;
mod lifetimes;

use proc_macro::TokenStream;
use syn::parse_macro_input;

use crate::args::Args;

#[proc_macro_attribute]
pub fn distributed_slice(args: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = match parse_macro_input!(args as Args) {
        Args::Declaration => declaration::expand(item.into()),
        Args::Element { slice, position } => element::expand(&slice, position, item.into()),
    };
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}
