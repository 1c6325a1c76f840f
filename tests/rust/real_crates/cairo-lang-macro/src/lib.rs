//! A plugin for the Cairo compiler: cairo-lang-macro exports what its host calls to find the macros.

use cairo_lang_macro::{attribute_macro, derive_macro, inline_macro, ProcMacroResult, TokenStream};

#[attribute_macro]
pub fn attribute(_arguments: TokenStream, item: TokenStream) -> ProcMacroResult {
    ProcMacroResult::new(item)
}

#[derive_macro]
pub fn derived(item: TokenStream) -> ProcMacroResult {
    ProcMacroResult::new(item)
}

#[inline_macro]
pub fn inlined(item: TokenStream) -> ProcMacroResult {
    ProcMacroResult::new(item)
}
