//! Elided lifetimes: in the type of a static they mean `'static`. The expansion needs the type in other places, too, where they would mean nothing.

use syn::{GenericArgument, Lifetime, PathArguments, Type};

/// Writes `'static` wherever `ty` leaves the lifetime of a reference out. In pointers to functions, trait objects and macros it stays as it is:
/// there it means something else, or cannot be seen.
pub fn make_static(ty: &mut Type) {
    match ty {
        Type::Reference(reference) => {
            let place = reference.and_token.span;
            reference.lifetime.get_or_insert_with(|| Lifetime::new("'static", place));
            make_static(&mut reference.elem);
        }
        Type::Path(path) => {
            if let Some(own) = &mut path.qself {
                make_static(&mut own.ty);
            }
            path.path.segments.iter_mut().for_each(|segment| make_arguments_static(&mut segment.arguments));
        }
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(make_static),
        Type::Array(array) => make_static(&mut array.elem),
        Type::Slice(slice) => make_static(&mut slice.elem),
        Type::Ptr(pointer) => make_static(&mut pointer.elem),
        Type::Paren(paren) => make_static(&mut paren.elem),
        Type::Group(group) => make_static(&mut group.elem),
        _ => {}
    }
}

fn make_arguments_static(arguments: &mut PathArguments) {
    if let PathArguments::AngleBracketed(arguments) = arguments {
        for argument in &mut arguments.args {
            if let GenericArgument::Type(ty) = argument {
                make_static(ty);
            }
        }
    }
}
