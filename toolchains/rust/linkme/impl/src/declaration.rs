//! The slice: a static, and the macro of its name that elements call.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Error, Parse, ParseStream, Result};
use syn::{bracketed, Attribute, Token, Type, Visibility};

use crate::{attributes, identity, lifetimes};

struct Declaration {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    ty: Type,
}

impl Parse for Declaration {
    fn parse(input: ParseStream) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        input.parse::<Token![static]>()?;
        refuse_mut(input)?;
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        let ty = input.parse()?;
        if input.parse::<Option<Token![=]>>()?.is_some() {
            // `= [..]`: for tools that cannot read a static without a value.
            let inside;
            bracketed!(inside in input);
            inside.parse::<Token![..]>()?;
        }
        input.parse::<Token![;]>()?;
        Ok(Declaration { attributes, visibility, name, ty })
    }
}

/// Behind `static`: no `mut`.
pub fn refuse_mut(input: ParseStream) -> Result<()> {
    match input.parse::<Option<Token![mut]>>()? {
        Some(token) => Err(Error::new_spanned(token, "static mut is not supported by distributed_slice")),
        None => Ok(()),
    }
}

pub fn expand(item: TokenStream) -> Result<TokenStream> {
    let Declaration { mut attributes, visibility, name, mut ty } = syn::parse2(item)?;
    let linkme = attributes::take_linkme_path(&mut attributes)?;
    lifetimes::make_static(&mut ty);
    let conditions = attributes::conditions(&attributes);
    let plain = name.unraw().to_string();
    let occurrence = identity::count("slice", &plain);
    // Exported macros are all at the root of their crate.
    let exported = match occurrence {
        0 => format!("_linkme_macro_{plain}"),
        _ => format!("_linkme_macro_{plain}_{occurrence}"),
    };
    let exported = Ident::new(&exported, Span::call_site());
    let hash = identity::hash_of_slice(&plain, occurrence);
    let short = format!("__lk{hash}");
    let section = format!("linkme_{}_{hash}", identifier(&plain));
    Ok(quote! {
        #(#attributes)*
        #visibility static #name: #linkme::DistributedSlice<#ty> =
            #linkme::__private::slice!([#linkme] #ty, #section, #short);

        #(#conditions)*
        #[doc(hidden)]
        #[allow(unknown_lints, non_local_definitions)]
        #[macro_export]
        macro_rules! #exported {
            // The path of linkme is the element's: that of this crate may mean nothing there.
            ([$($linkme:tt)*] $($element:tt)*) => {
                $($linkme)*::__private::element! { [$($linkme)*] #section, #short, $($element)* }
            };
        }

        #(#conditions)*
        #[doc(hidden)]
        #[allow(unused_imports)]
        #visibility use #exported as #name;
    })
}

/// `name` with what an identifier of C cannot hold replaced; linkers define `__start_NAME` for those only.
fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
