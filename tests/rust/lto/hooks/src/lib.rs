//! A slice that C knows, too.

#[repr(C)]
pub struct Hook {
    pub value: i32,
    pub call: extern "C" fn(i32) -> i32,
}

linkme_rules::slice! { pub static HOOKS: [Hook]; }
