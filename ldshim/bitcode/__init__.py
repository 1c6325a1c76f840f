"""LTO inputs: what is in a bitcode file, and how its elements get to their sections.

bitstream   the container: bits, blocks, records
module      what a module says of its symbols, read without LLVM
ir          the same module through LLVM (llvmlite), in the shape of an object: facts for the plan, and the edited bitcode
lowering    the user's own lld makes an object of what llvmlite cannot read
"""
from __future__ import annotations

MAGIC = b"BC\xc0\xde"
WRAPPER_MAGIC = b"\xde\xc0\x17\x0b"  # of the header that Darwin's tools put in front

# What a global is.
VARIABLE, FUNCTION, ALIAS = "variable", "function", "alias"
