//! The attributes on the item, beside ours.

use syn::parse::{Error, Result};
use syn::{parse_quote, Attribute, Path};

/// Takes `#[linkme(crate = path)]` out of the attributes; the path of linkme is `::linkme` without it.
pub fn take_linkme_path(attributes: &mut Vec<Attribute>) -> Result<Path> {
    let (ours, others) = std::mem::take(attributes).into_iter().partition::<Vec<_>, _>(|a| a.path().is_ident("linkme"));
    *attributes = others;
    let mut path = None;
    let mut errors: Option<Error> = None;
    for attribute in ours {
        let parsed = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unsupported linkme attribute"));
            }
            if path.is_some() {
                return Err(meta.error("duplicate linkme crate attribute"));
            }
            path = Some(meta.value()?.call(Path::parse_mod_style)?);
            Ok(())
        });
        if let Err(error) = parsed {
            match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            }
        }
    }
    match errors {
        Some(errors) => Err(errors),
        None => Ok(path.unwrap_or_else(|| parse_quote!(::linkme))),
    }
}

/// The attributes on which it depends whether the item is there at all: what belongs to it has to share them.
pub fn conditions(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes.iter().filter(|a| a.path().is_ident("cfg")).collect()
}

/// Whether rustc reports those who use the item; the expansion must not be one of them.
pub fn is_deprecated(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("deprecated"))
}
