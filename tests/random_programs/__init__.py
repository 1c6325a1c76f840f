"""Random programs: what is registered, where it stands on the command line, what the answer is, and what ldshim makes of it.

pieces     what a file may hold, and the templates that clang compiles once, for WebAssembly and for x86-64
programs   a program as data, and hypothesis strategies that make some
model      what a program's sections hold, worked out from the documentation (docs/design.md, docs/markers.md)
build      the files and the command line of a program, made by patching templates
links      links, runs, and reads back
"""
