//! The arguments of the attribute: none, `path::to::SLICE`, or `path::to::SLICE, position`.

use syn::parse::{Error, Parse, ParseStream, Result};
use syn::{LitInt, Path, Token};

const MAX_POSITION: usize = 9999;

pub enum Args {
    Declaration,
    Element { slice: Path, position: Option<usize> },
}

impl Parse for Args {
    fn parse(input: ParseStream) -> Result<Self> {
        if input.is_empty() {
            return Ok(Args::Declaration);
        }
        let slice = input.parse()?;
        let mut position = None;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
            let literal: LitInt = input.parse()?;
            let value = literal.base10_parse()?;
            if value > MAX_POSITION {
                return Err(Error::new(literal.span(), format!("maximum {MAX_POSITION} is supported")));
            }
            position = Some(value);
        }
        Ok(Args::Element { slice, position })
    }
}
