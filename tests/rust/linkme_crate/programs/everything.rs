// What each edition has to accept; included into a program of each.  It may say nothing that is not in Rust 2015.

use std::sync::atomic::{AtomicUsize, Ordering};

use linkme::distributed_slice;

/// Prints the elements in an order that does not depend on the linker.
fn report<T: std::fmt::Debug>(name: &str, elements: &[T]) {
    let mut texts: Vec<String> = elements.iter().map(|element| format!("{:?}", element)).collect();
    texts.sort();
    println!("{}: {}", name, texts.join(" "));
}

fn main() {
    report("basics", &basics::SLICE);
    println!("debug: {:?}, length: {}, iterated: {}", basics::ONE, basics::ONE.len(), basics::ONE.into_iter().count());
    report("raw names", &raw::KEYWORDS);
    report("raw functions", &raw::KEYWORD_FUNCTIONS.iter().map(|f| f()).collect::<Vec<_>>());
    report("visibilities", &visibility::everything());
    report("bodies", &bodies::numbers());
    report("other bodies", &bodies::texts());
    report("macros", &macros::GENERATED);
    report("conditions", &conditions::CONDITIONAL);
    report("conditional functions", &conditions::CONDITIONAL_FUNCTIONS.iter().map(|f| f()).collect::<Vec<_>>());
    report("attributes", &attributes::ATTRIBUTED);
    report("functions", &functions::results());
    report("lifetimes", &lifetimes::texts());
    report("types", &types::texts());
    report("values", &values::numbers());
    values::count();
    values::count();
    report("changed", &[values::COUNTERS[0].load(Ordering::Relaxed)]);
}

mod basics {
    use linkme::distributed_slice;

    #[distributed_slice]
    pub static SLICE: [u32];
    #[distributed_slice]
    pub static ONE: [&str];

    #[distributed_slice(SLICE)]
    static FIRST: u32 = 1;
    #[distributed_slice(SLICE)]
    static SECOND: u32 = 22;
    #[::linkme::distributed_slice(SLICE)]
    static THIRD: u32 = 333;
    #[distributed_slice(ONE)]
    static ONLY: &str = "only";
}

mod raw {
    use linkme::distributed_slice;

    #[distributed_slice]
    pub static KEYWORDS: [u8];
    #[distributed_slice]
    pub static KEYWORD_FUNCTIONS: [fn() -> u8];

    #[distributed_slice(KEYWORDS)]
    #[allow(non_upper_case_globals)]
    static r#type: u8 = 1;
    #[distributed_slice(KEYWORDS)]
    #[allow(non_upper_case_globals)]
    static r#match: u8 = 2;
    #[distributed_slice(KEYWORD_FUNCTIONS)]
    fn r#while() -> u8 {
        3
    }
}

mod visibility {
    mod inner {
        use linkme::distributed_slice;

        #[distributed_slice]
        pub(in crate::visibility) static IN_PATH: [u8];
        #[distributed_slice]
        pub(super) static IN_PARENT: [u8];
        #[distributed_slice]
        pub(crate) static IN_CRATE: [u8];
        #[distributed_slice]
        static PRIVATE: [u8];

        #[distributed_slice(PRIVATE)]
        pub(crate) static VISIBLE: u8 = 4;

        pub fn private() -> Vec<u8> {
            PRIVATE.to_vec()
        }
    }

    use linkme::distributed_slice;

    #[distributed_slice(inner::IN_PATH)]
    static ONE: u8 = 1;
    #[distributed_slice(self::inner::IN_PARENT)]
    static TWO: u8 = 2;
    #[distributed_slice(crate::visibility::inner::IN_CRATE)]
    static THREE: u8 = 3;

    pub fn everything() -> Vec<u8> {
        assert_eq!(inner::VISIBLE, 4);
        let slices: [&[u8]; 4] = [&inner::IN_PATH, &inner::IN_PARENT, &inner::IN_CRATE, &inner::private()];
        slices.concat()
    }
}

mod bodies {
    use linkme::distributed_slice;

    pub fn numbers() -> Vec<u8> {
        #[distributed_slice]
        static NUMBERS_IN_BODY: [u8];

        #[distributed_slice(NUMBERS_IN_BODY)]
        static ELEMENT: u8 = 1;

        {
            #[distributed_slice(NUMBERS_IN_BODY)]
            static ELEMENT: u8 = 2;
            assert_eq!(ELEMENT, 2);
        }
        const _: () = {
            #[distributed_slice(NUMBERS_IN_BODY)]
            static ELEMENT: u8 = 3;
        };
        NUMBERS_IN_BODY.to_vec()
    }

    #[distributed_slice]
    pub static TEXTS: [&str];

    pub fn texts() -> Vec<String> {
        #[distributed_slice(TEXTS)]
        static ELEMENT: &str = "in a function";
        #[distributed_slice(HERE)]
        fn element() -> &'static str {
            "a function in a function"
        }
        #[distributed_slice]
        static HERE: [fn() -> &'static str];
        TEXTS.iter().map(|text| text.to_string()).chain(HERE.iter().map(|f| f().to_string())).collect()
    }

    const _: () = {
        #[distributed_slice(TEXTS)]
        static ELEMENT: &str = "in a constant";
    };
    const _: () = {
        #[distributed_slice(TEXTS)]
        static ELEMENT: &str = "in another constant";
    };
}

mod macros {
    use linkme::distributed_slice;

    #[distributed_slice]
    pub static GENERATED: [u8];

    macro_rules! element {
        ($value:literal) => {
            const _: () = {
                #[distributed_slice(GENERATED)]
                static ELEMENT: u8 = $value;
            };
        };
    }

    macro_rules! named {
        ($slice:path, $($name:ident: $ty:ty = $value:literal),*) => {$(
            #[distributed_slice($slice)]
            static $name: $ty = $value;
        )*};
    }

    #[rustfmt::skip]
    mod on_one_line {
        use super::GENERATED;
        use linkme::distributed_slice;

        element!(1); element!(2);
        named!(crate::macros::GENERATED, THREE: u8 = 3, FOUR: u8 = 4);
    }
}

mod conditions {
    use linkme::distributed_slice;

    #[cfg(all())]
    #[distributed_slice]
    pub static CONDITIONAL: [u8];
    #[distributed_slice]
    #[cfg(all())]
    pub static CONDITIONAL_FUNCTIONS: [fn() -> u8];

    // Of these there is none; their names are taken by others.
    #[cfg(any())]
    #[distributed_slice]
    pub static ABSENT: [Missing];
    #[distributed_slice]
    #[cfg(any())]
    pub static ABSENT: [u8];
    #[distributed_slice]
    pub static ABSENT: [u16];

    #[cfg(any())]
    #[distributed_slice(CONDITIONAL)]
    static ELEMENT: Missing = 1;
    #[distributed_slice(CONDITIONAL)]
    #[cfg(any())]
    static ELEMENT: u8 = 2;
    #[cfg(all())]
    #[distributed_slice(CONDITIONAL)]
    static ELEMENT: u8 = 3;
    #[distributed_slice(CONDITIONAL)]
    #[cfg(all())]
    static AFTER: u8 = 4;
    #[distributed_slice(CONDITIONAL)]
    #[cfg_attr(all(), doc = "By a condition.")]
    static DOCUMENTED: u8 = 5;
    #[cfg_attr(all(), distributed_slice(CONDITIONAL))]
    static ATTRIBUTE: u8 = 6;

    #[cfg(any())]
    #[distributed_slice(CONDITIONAL_FUNCTIONS)]
    fn function() -> Missing {
        1
    }
    #[distributed_slice(CONDITIONAL_FUNCTIONS)]
    #[cfg(any())]
    fn function() -> u8 {
        2
    }
    #[cfg(all())]
    #[distributed_slice(CONDITIONAL_FUNCTIONS)]
    fn function() -> u8 {
        3
    }
    #[distributed_slice(CONDITIONAL_FUNCTIONS)]
    #[cfg(all())]
    fn after() -> u8 {
        4 + ABSENT.len() as u8
    }
}

/// Has attributes in front of its items.
pub mod attributes {
    use linkme::distributed_slice;

    /// A slice with documentation.
    #[distributed_slice]
    #[doc(alias = "other")]
    pub static ATTRIBUTED: [u8];

    /// An element with documentation.
    #[distributed_slice(ATTRIBUTED)]
    pub static DOCUMENTED: u8 = 1;

    /// An element that nobody should name.
    #[deprecated(note = "only for the slice")]
    #[distributed_slice(ATTRIBUTED)]
    pub static OLD: u8 = 2;

    #[allow(non_upper_case_globals)]
    #[distributed_slice(ATTRIBUTED)]
    #[allow(dead_code)]
    static lower: u8 = 3;

    /// A slice as before Rust 1.43.
    #[distributed_slice]
    pub static WITH_VALUE: [u8] = [..];
}

mod functions {
    use linkme::distributed_slice;

    #[distributed_slice]
    pub static PLAIN: [fn(u8, u8) -> u8];
    #[distributed_slice]
    pub static FOREIGN: [extern "C" fn(u8) -> u8];
    #[distributed_slice]
    pub static UNBOUND: [for<'a, 'b> fn(&'a str, &'b str) -> &'a str];
    #[distributed_slice]
    pub static ELIDED: [fn(&str) -> &str];
    #[distributed_slice]
    pub static NOTHING: [fn()];

    #[distributed_slice(PLAIN)]
    fn sum(mut x: u8, y: u8) -> u8 {
        x += y;
        x
    }
    #[distributed_slice(PLAIN)]
    #[inline]
    #[must_use]
    pub fn ignorant(_: u8, _y: u8) -> u8 {
        100
    }
    #[distributed_slice(PLAIN)]
    static POINTER: fn(u8, u8) -> u8 = sum;
    #[distributed_slice(PLAIN)]
    static CLOSURE: fn(u8, u8) -> u8 = |x, y| x * y;
    #[distributed_slice(FOREIGN)]
    extern "C" fn foreign(x: u8) -> u8 {
        x + 1
    }
    #[distributed_slice(FOREIGN)]
    extern "C" fn trailing_comma(
        x: u8,
    ) -> u8 {
        x + 2
    }
    #[distributed_slice(UNBOUND)]
    fn unbound<'a, 'b>(x: &'a str, _: &'b str) -> &'a str {
        x
    }
    #[distributed_slice(ELIDED)]
    fn elided(x: &str) -> &str {
        x
    }
    #[distributed_slice(ELIDED)]
    pub(crate) fn named<'a>(x: &'a str) -> &'a str {
        &x[1..]
    }
    #[distributed_slice(NOTHING)]
    fn nothing() {}

    pub fn results() -> Vec<String> {
        let mut results: Vec<String> = PLAIN.iter().map(|f| f(3, 5).to_string()).collect();
        results.extend(FOREIGN.iter().map(|f| f(10).to_string()));
        results.extend(UNBOUND.iter().map(|f| f("long", "short").to_string()));
        results.extend(ELIDED.iter().map(|f| f("same").to_string()));
        NOTHING.iter().for_each(|f| f());
        results
    }
}

mod lifetimes {
    use linkme::distributed_slice;

    pub struct Holder<'a>(pub &'a str);

    #[distributed_slice]
    pub static OPTIONS: [Option<&str>];
    #[distributed_slice]
    pub static PAIRS: [(&str, fn(&str) -> &str)];
    #[distributed_slice]
    pub static OBJECTS: [&'static (dyn Fn(&str) -> usize + Sync)];
    #[distributed_slice]
    pub static SLICES: [&[&str]];
    #[distributed_slice]
    pub static ARRAYS: [[&str; 2]];
    #[distributed_slice]
    pub static HOLDERS: [Holder<'static>];
    #[distributed_slice]
    pub static NESTED: [Option<(&str, &[Option<&str>])>];

    #[distributed_slice(OPTIONS)]
    static SOME: Option<&str> = Some("some");
    #[distributed_slice(OPTIONS)]
    static NONE: Option<&'static str> = None;
    #[distributed_slice(PAIRS)]
    static PAIR: (&str, fn(&str) -> &str) = ("pair", str::trim);
    #[distributed_slice(OBJECTS)]
    static OBJECT: &'static (dyn Fn(&str) -> usize + Sync) = &str::len;
    #[distributed_slice(SLICES)]
    static TEXTS: &[&str] = &["slice", "of"];
    #[distributed_slice(ARRAYS)]
    static ARRAY: [&str; 2] = ["array", "of"];
    #[distributed_slice(HOLDERS)]
    static HOLDER: Holder<'static> = Holder("holder");
    #[distributed_slice(NESTED)]
    static DEEP: Option<(&str, &[Option<&str>])> = Some(("deep", &[Some("er")]));

    pub fn texts() -> Vec<String> {
        let mut texts: Vec<String> = OPTIONS.iter().map(|option| format!("{:?}", option)).collect();
        texts.extend(PAIRS.iter().map(|&(text, f)| f(text).to_string()));
        texts.extend(OBJECTS.iter().map(|f| f("four").to_string()));
        texts.extend(SLICES.iter().map(|slice| slice.concat()));
        texts.extend(ARRAYS.iter().map(|array| array.concat()));
        texts.extend(HOLDERS.iter().map(|holder| holder.0.to_string()));
        texts.extend(NESTED.iter().map(|nested| format!("{:?}", nested)));
        texts
    }
}

mod types {
    use linkme::distributed_slice;
    use std::marker::PhantomData;

    pub struct Pair<A, B>(pub A, pub PhantomData<B>);
    pub type Alias = (u8, u64);

    #[repr(align(64))]
    #[derive(Debug)]
    pub struct Aligned(#[allow(dead_code)] pub u8);

    #[distributed_slice]
    pub static BYTES: [[u8; 3]];
    #[distributed_slice]
    pub static GENERICS: [Pair<u16, String>];
    #[distributed_slice]
    pub static ALIASES: [Alias];
    #[distributed_slice]
    pub static ALIGNED: [Aligned];
    #[distributed_slice]
    pub static ASSOCIATED: [<u8 as std::ops::Add>::Output];

    #[distributed_slice(BYTES)]
    static ONE_TO_THREE: [u8; 3] = [1, 2, 3];
    #[distributed_slice(BYTES)]
    static FOUR_TO_SIX: [u8; 3] = [4, 5, 6];
    #[distributed_slice(GENERICS)]
    static PAIR: Pair<u16, String> = Pair(7, PhantomData);
    #[distributed_slice(ALIASES)]
    static ALIAS: Alias = (8, 9);
    #[distributed_slice(ALIASES)]
    static MEANT: (u8, u64) = (9, 10);
    #[distributed_slice(ALIGNED)]
    static FIRST: Aligned = Aligned(10);
    #[distributed_slice(ALIGNED)]
    static SECOND: Aligned = Aligned(11);
    #[distributed_slice(ASSOCIATED)]
    static SUM: u8 = 12;

    pub fn texts() -> Vec<String> {
        let mut texts: Vec<String> = BYTES.iter().map(|bytes| format!("{:?}", bytes)).collect();
        texts.extend(GENERICS.iter().map(|pair| pair.0.to_string()));
        texts.extend(ALIASES.iter().map(|alias| format!("{:?}", alias)));
        texts.extend(ALIGNED.iter().map(|aligned| format!("{:?} at {}", aligned, aligned as *const _ as usize % 64)));
        texts.extend(ASSOCIATED.iter().map(|number| number.to_string()));
        texts
    }
}

mod values {
    use super::{distributed_slice, AtomicUsize, Ordering};

    pub struct Node {
        number: u8,
        next: &'static [&'static Node],
    }

    #[distributed_slice]
    pub static NODES: [Node];
    #[distributed_slice]
    pub static NUMBERS: [u8];
    #[distributed_slice]
    pub static COUNTERS: [AtomicUsize];

    #[distributed_slice(NODES)]
    static EGG: Node = Node { number: 1, next: &[&HEN] };
    #[distributed_slice(NODES)]
    static HEN: Node = Node { number: 2, next: &[&EGG, &HEN] };
    #[distributed_slice(NUMBERS)]
    static COMPUTED: u8 = {
        const BASE: u8 = 20;
        const fn double(x: u8) -> u8 {
            2 * x
        }
        static INNER: u8 = double(BASE);
        let local = 2;
        double(BASE) + local + (INNER - INNER)
    };
    #[distributed_slice(NUMBERS)]
    static OF_OTHER: u8 = EGG.next[0].number + 100;
    #[distributed_slice(COUNTERS)]
    static COUNTER: AtomicUsize = AtomicUsize::new(5);

    pub fn numbers() -> Vec<u8> {
        let sums = NODES.iter().map(|node| node.number * 10 + node.next.iter().map(|next| next.number).sum::<u8>());
        sums.chain(NUMBERS.iter().cloned()).collect()
    }

    pub fn count() {
        COUNTER.fetch_add(1, Ordering::Relaxed);
    }
}
