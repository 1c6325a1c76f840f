//! A registry of words. What each feature does with `words! { NAME "text" value, … }` is all the difference.

pub struct Word {
    pub text: &'static str,
    pub value: u32,
}

#[cfg(any(feature = "array", feature = "slice"))]
mod registry {
    use super::Word;

    macro_rules! words {
        ($($name:ident $text:literal $value:literal,)*) => {
            pub static WORDS: [Word; COUNT] = [$(Word { text: $text, value: $value },)*];
        };
    }

    include!(env!("BENCH_WORDS"));

    #[cfg(feature = "array")]
    fn words() -> &'static [Word; COUNT] {
        &WORDS
    }

    #[cfg(feature = "slice")]
    fn words() -> &'static [Word] {
        std::hint::black_box(&WORDS)
    }

    pub fn all() -> impl Iterator<Item = &'static Word> {
        words().iter()
    }

    pub fn get(index: usize) -> Option<&'static Word> {
        words().get(index)
    }
}

#[cfg(feature = "linkme")]
mod registry {
    use super::Word;
    use linkme::distributed_slice;

    #[distributed_slice]
    pub static WORDS: [Word];

    macro_rules! words {
        ($($name:ident $text:literal $value:literal,)*) => {
            $(
                #[distributed_slice(WORDS)]
                static $name: Word = Word { text: $text, value: $value };
            )*
        };
    }

    include!(env!("BENCH_WORDS"));

    pub fn all() -> impl Iterator<Item = &'static Word> {
        WORDS.iter()
    }

    pub fn get(index: usize) -> Option<&'static Word> {
        WORDS.static_slice().get(index)
    }
}

#[cfg(feature = "inventory")]
mod registry {
    use super::Word;

    inventory::collect!(Word);

    macro_rules! words {
        ($($name:ident $text:literal $value:literal,)*) => {
            $(inventory::submit! { Word { text: $text, value: $value } })*
        };
    }

    include!(env!("BENCH_WORDS"));

    pub fn all() -> impl Iterator<Item = &'static Word> {
        inventory::iter::<Word>.into_iter()
    }

    pub fn get(index: usize) -> Option<&'static Word> {
        all().nth(index)
    }
}

#[cfg(feature = "link-section")]
mod registry {
    use super::Word;
    use link_section::{in_section, section, TypedSection};

    #[section(typed)]
    pub static WORDS: TypedSection<Word>;

    macro_rules! words {
        ($($name:ident $text:literal $value:literal,)*) => {
            $(
                #[in_section(WORDS)]
                pub const $name: Word = Word { text: $text, value: $value };
            )*
        };
    }

    include!(env!("BENCH_WORDS"));

    pub fn all() -> impl Iterator<Item = &'static Word> {
        WORDS.as_slice().iter()
    }

    pub fn get(index: usize) -> Option<&'static Word> {
        WORDS.as_slice().get(index)
    }
}

/// Both fields of all words. What is done with a word is more than a compiler could do beforehand.
#[cfg(not(feature = "unread"))]
#[no_mangle]
pub extern "C" fn sum() -> u32 {
    registry::all().fold(0_u32, |sum, word| {
        let word = std::hint::black_box(word);
        sum.wrapping_add(word.value).wrapping_add(word.text.len() as u32)
    })
}

#[cfg(not(feature = "unread"))]
#[no_mangle]
pub extern "C" fn get(index: usize) -> u32 {
    registry::get(index).map_or(u32::MAX, |word| word.value)
}

#[cfg(not(feature = "unread"))]
#[no_mangle]
pub extern "C" fn count() -> usize {
    registry::all().count()
}

#[cfg(feature = "unread")]
#[no_mangle]
pub extern "C" fn seven() -> u32 {
    7
}

/// Where registrations are code, somebody has to run it, once. (A module that does not do it itself does it whenever an export is called.)
#[cfg(all(target_family = "wasm", any(feature = "inventory", feature = "link-section")))]
#[no_mangle]
pub extern "C" fn _initialize() {
    extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: before anything else runs.
    unsafe { __wasm_call_ctors() }
}
