//! An element: a static, or a function, which stands for a static with a pointer to it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned, ToTokens};
use syn::ext::IdentExt;
use syn::parse::{Error, Parse, ParseStream, Parser, Result};
use syn::{braced, parenthesized, Abi, Attribute, GenericParam, Generics, Path, ReturnType, Token, Type, Visibility, WhereClause};

use crate::declaration::refuse_mut;
use crate::{attributes, identity, lifetimes};

struct Element {
    /// Those of the static that is the element.
    attributes: TokenStream,
    linkme: Path,
    visibility: Visibility,
    name: Ident,
    ty: Type,
    value: TokenStream,
    /// The first and the last token of what a wrong type is reported at.
    reported_at: (Span, Span),
    /// The function, which stays as it is.
    function: TokenStream,
}

pub fn expand(slice: &Path, position: Option<usize>, item: TokenStream) -> Result<TokenStream> {
    let mut element = Element::parse.parse2(item)?;
    lifetimes::make_static(&mut element.ty);
    let Element { attributes, linkme, visibility, name, ty, value, reported_at, function } = element;
    let key = position.map_or_else(String::new, |position| format!("{position:04}"));
    let unique = identity::unique_name_of_element(&name.unraw().to_string());
    // A call, since only something of two tokens can be reported from one place to another.
    let (first, last) = reported_at;
    let get = quote_spanned!(first=> __element);
    let mut no_arguments = Group::new(Delimiter::Parenthesis, TokenStream::new());
    no_arguments.set_span(last);
    Ok(quote! {
        #slice! {
            [#linkme] #key, #unique,
            #attributes
            #visibility static #name: #ty = {
                #[allow(clippy::ref_option_ref)]
                fn __typecheck() {
                    let #get = || -> fn() -> &'static #ty { || &#name };
                    #linkme::DistributedSlice::private_typecheck(#slice, #get #no_arguments);
                }

                #value
            };
        }

        #function
    })
}

impl Parse for Element {
    fn parse(input: ParseStream) -> Result<Self> {
        let item = input.cursor().token_stream();
        let attributes = input.call(Attribute::parse_outer)?;
        let without_attributes = input.cursor().token_stream();
        let visibility: Visibility = input.parse()?;
        if input.parse::<Option<Token![static]>>()?.is_some() {
            parse_static(input, attributes, visibility)
        } else {
            parse_function(input, attributes, &item, without_attributes)
        }
    }
}

fn parse_static(input: ParseStream, mut attributes: Vec<Attribute>, visibility: Visibility) -> Result<Element> {
    refuse_mut(input)?;
    let name = input.parse()?;
    input.parse::<Token![:]>()?;
    let ty: Type = input.parse()?;
    input.parse::<Token![=]>()?;
    let mut value: Vec<TokenTree> = input.parse::<TokenStream>()?.into_iter().collect();
    let semicolon: TokenStream = value.pop().into_iter().collect();
    syn::parse2::<Token![;]>(semicolon)?;
    let linkme = attributes::take_linkme_path(&mut attributes)?;
    Ok(Element {
        attributes: quote!(#(#attributes)*),
        linkme,
        visibility,
        name,
        reported_at: ends_of(&ty),
        ty,
        value: value.into_iter().collect(),
        function: TokenStream::new(),
    })
}

fn parse_function(input: ParseStream, mut attributes: Vec<Attribute>, item: &TokenStream, function: TokenStream) -> Result<Element> {
    let is_const: Option<Token![const]> = input.parse()?;
    let is_async: Option<Token![async]> = input.parse()?;
    let is_unsafe: Option<Token![unsafe]> = input.parse()?;
    let abi: Option<Abi> = input.parse()?;
    let fn_token: Token![fn] =
        input.parse().map_err(|_| Error::new_spanned(item, "distributed element must be either static or function item"))?;
    let name: Ident = input.parse()?;
    let generics: Generics = input.parse()?;
    let arguments;
    let parentheses = parenthesized!(arguments in input);
    let arguments = arguments.call(argument_types)?;
    let output: ReturnType = input.parse()?;
    let last = match &output {
        ReturnType::Default => parentheses.span.close(),
        ReturnType::Type(_, ty) => ends_of(ty).1,
    };
    let where_clause: Option<WhereClause> = input.parse()?;
    let body;
    braced!(body in input);
    body.parse::<TokenStream>()?;

    if let Some(token) = is_const {
        return Err(Error::new_spanned(token, "const fn distributed slice element is not supported"));
    }
    if let Some(token) = is_async {
        return Err(Error::new_spanned(token, "async fn distributed slice element is not supported"));
    }
    for parameter in &generics.params {
        if !matches!(parameter, GenericParam::Lifetime(_)) {
            return Err(Error::new_spanned(parameter, "cannot have generic parameters on distributed slice element"));
        }
    }
    if let Some(where_clause) = where_clause {
        return Err(Error::new_spanned(where_clause, "where-clause is not allowed on distributed slice elements"));
    }

    let linkme = attributes::take_linkme_path(&mut attributes)?;
    let lifetimes = if generics.params.is_empty() { quote!() } else { quote!(for #generics) };
    let first = item.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
    let conditions = attributes::conditions(&attributes);
    let deprecated = attributes::is_deprecated(&attributes).then(|| quote!(#[allow(deprecated)]));
    Ok(Element {
        attributes: quote!(#(#conditions)* #[allow(non_upper_case_globals)] #deprecated),
        linkme,
        visibility: Visibility::Inherited,
        ty: Type::Verbatim(quote!(#lifetimes #is_unsafe #abi #fn_token (#(#arguments),*) #output)),
        value: name.to_token_stream(),
        name: format_ident!("_LINKME_ELEMENT_{}", name.unraw()),
        reported_at: (first, last),
        function: quote!(#(#attributes)* #function),
    })
}

/// The types of `pattern: Type, pattern: Type`, which is what is between the parentheses of a function.
fn argument_types(input: ParseStream) -> Result<Vec<Type>> {
    let mut types = Vec::new();
    while !input.is_empty() {
        input.call(Attribute::parse_outer)?;
        let first = input.span();
        // No pattern has a colon in it that is not in a group or half of a `::`.
        while !input.peek(Token![:]) || input.peek(Token![::]) {
            if input.is_empty() || input.peek(Token![,]) {
                return Err(Error::new(first, "expected `pattern: Type`"));
            }
            if input.parse::<Option<Token![::]>>()?.is_none() {
                input.parse::<TokenTree>()?;
            }
        }
        input.parse::<Token![:]>()?;
        types.push(input.parse()?);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(types)
}

fn ends_of(tokens: &impl ToTokens) -> (Span, Span) {
    let spans: Vec<Span> = tokens.to_token_stream().into_iter().map(|token| token.span()).collect();
    match (spans.first(), spans.last()) {
        (Some(first), Some(last)) => (*first, *last),
        _ => (Span::call_site(), Span::call_site()),
    }
}
