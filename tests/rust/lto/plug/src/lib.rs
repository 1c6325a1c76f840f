//! A crate that nothing refers to.

use hooks::Hook;

extern "C" fn twice(x: i32) -> i32 {
    2 * x
}

linkme_rules::element! { hooks::HOOKS: Hook = Hook { value: 20, call: twice }; }

#[used]
#[export_name = concat!("__ldshim$words$20$", module_path!(), "::TWENTY")]
static TWENTY: i32 = 20;
