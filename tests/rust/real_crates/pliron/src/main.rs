//! Prints what pliron knows of operations, types and attributes by its slices: its builtin dialect's, and one of ours.

use pliron::builtin::op_interfaces::{IsTerminatorInterface, ZeroOpdInterface};
use pliron::derive::{def_op, derive_op_interface_impl, format_op};
use pliron::op::Op;
use pliron::{attribute, context, op, r#type};

#[def_op("ours.stop")]
#[format_op("`stop`")]
#[derive_op_interface_impl(IsTerminatorInterface, ZeroOpdInterface)]
pub struct StopOp;
pliron::impl_verify_succ!(StopOp);

pliron::dict_key!(OUR_KEY, "our_key");

fn main() {
    // Making a context reads the slice of keys: it fails if two of them are the same.
    context::Context::new();
    for key in context::DICT_KEY_IDS {
        println!("key {}", key.id);
    }
    for (id, verifiers) in &*op::OP_INTERFACE_VERIFIERS_MAP {
        println!("op {id} has {} interfaces", verifiers.len());
    }
    for (id, verifiers) in &*r#type::TYPE_INTERFACE_VERIFIERS_MAP {
        println!("type {id} has {} interfaces", verifiers.len());
    }
    for (id, verifiers) in &*attribute::ATTR_INTERFACE_VERIFIERS_MAP {
        println!("attribute {id} has {} interfaces", verifiers.len());
    }
}
