"""What `scripts/abuse/mutate` breaks in ldshim, one rule at a time, and the links that should show it.

A rule is a piece of ldshim's text and what takes its place.  The links are of real objects, and are checked by `--ldshim-verify` alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ldshim.wasm.reader import ObjectFile
from tests.harness import archive, linker_path
from tests.test_custom_sections import ADDRESSES, CALLER

if TYPE_CHECKING:
    from tests.harness import Compiler

ROOT = Path(__file__).parent.parent

# Links

ITEM = "struct item { const char *name; int (*run)(void); };\n"
READER = (
    ITEM
    + """
extern const struct item __start_items[], __stop_items[];
__attribute__((export_name("count"))) int count(void) { return __stop_items - __start_items; }
__attribute__((export_name("at"))) int at(int i) { return __start_items[i].run(); }
"""
)
NUMBERS = """
extern int __start_numbers[], __stop_numbers[];
__attribute__((export_name("count"))) int count(void) { return __stop_numbers - __start_numbers; }
__attribute__((export_name("at"))) int at(int i) { return __start_numbers[i]; }
"""
TABLE = """
extern const int *const __start_shapes_ptrs[], *const __stop_shapes_ptrs[];
__attribute__((export_name("count"))) int count(void) { return __stop_shapes_ptrs - __start_shapes_ptrs; }
__attribute__((export_name("at"))) int at(int i) { return *__start_shapes_ptrs[i]; }
"""
# An element's value is a place inside of an array, so that addends count.
PLACES = 'extern int *__start_places[];\n__attribute__((export_name("place"))) int place(int i) { return *__start_places[i]; }\n'


def items(*names: str, key: str = "") -> str:
    return ITEM + "".join(
        f"static int run_{n}(void) {{ return {len(n)} + {i}; }}\n"
        f'const struct item {n} __asm__("__ldshim$items${key}${n}") __attribute__((used)) = {{"{n}", run_{n}}};\n'
        for i, n in enumerate(names)
    )


def number(name: str, value: int, key: str = "", section: str = "numbers", attributes: str = "") -> str:
    return f'int {name} __asm__("__ldshim${section}${key}${name}") __attribute__((used{attributes})) = {value};\n'


def native(name: str, value: int) -> str:
    return f'static int {name} __attribute__((used, section("numbers"))) = {value};\n'


def custom(section: str, *words: str) -> str:
    lines = [f'.section .custom_section.{section},\\"\\",@', *(f".int32 {word}" for word in words)]
    return "__asm__(" + "".join(f'"{line}\\n"' for line in lines) + ");\n"


@dataclass
class Link:
    """Words of a link, and the lld that it is for."""

    name: str
    words: list[str | Path]
    lld: str = "22"


def links(cc: Compiler, folder: Path) -> list[Link]:
    """The links, of objects in `folder`, all of which ldshim has to do something for."""

    def lib(name: str, *members: Path) -> Path:
        return archive(folder / f"lib{name}.a", *members)

    reader, numbers, table = cc(READER, "-O1"), cc(NUMBERS, "-O1"), cc(TABLE, "-O1")
    one, two = cc(items("hello", "world"), "-O1"), cc(items("moon"), "-O1", name="moon")
    keyed = [cc(items(f"key{i}", key=key), "-O1", name=f"key{i}") for i, key in enumerate(("10", "2", "last", "010"))]
    plugins = lib("plugins", cc("int nothing;", name="nothing"), two, cc(items("sun"), "-O1", name="sun"))
    paired = cc(
        "__attribute__((used)) static int s1 = 77, s2 = 78;\n" + custom("numbers", "77", "78"), "-O1", "-fdata-sections", name="paired"
    )
    inline = [
        cc(
            f'inline __attribute__((used, section("numbers"))) int shared = 3;\nint *use{i}() {{ return &shared; }}',
            "-O1",
            "-std=c++17",
            language="c++",
        )
        for i in (1, 2)
    ]
    weak = [
        cc(number("either", value, attributes=attribute) + number(name, 4), "-O1", name=name)
        for name, value, attribute in (("w1", 1, ", weak"), ("w2", 2, ""))
    ]
    wide = cc(
        "struct wide { double d; int i[4]; };\n"
        'struct wide w __asm__("__ldshim$numbers$$wide") __attribute__((used, aligned(16))) = {1};',
        "-O1",
    )
    shapes = [
        cc(number("small", 1, section="shapes") + 'long long big[3] __asm__("__ldshim$shapes$7$big") __attribute__((used)) = {2};', "-O1"),
        cc(number("other", 3, "3", "shapes") + number("another", 4, section="shapes"), "-O1", name="other"),
    ]
    functions = cc(
        "int seven(void) { return 7; }\nint eight(void) { return 8; }\nint nine(void) { return 9; }\n"
        + custom("functions", "eight", "seven")
    )
    offsets = cc("int array[4] = {1, 2, 3, 4};\n" + custom("texts", "5", "6") + custom("places", "array+8", "array+4"), name="places")
    sections = cc(
        '__asm__(".section .custom_section.texts,\\"\\",@\\n.int32 5\\n.Lmark:\\n.int32 6\\n'
        '.section .custom_section.places,\\"\\",@\\n.int32 .Lmark\\n");\n',
        name="sections",
    )
    texts = cc('extern int __start_texts[];\n__attribute__((export_name("text"))) int text(int i) { return __start_texts[i]; }\n', "-O1")
    many = cc(
        items("early")
        + "int many[200];\n"
        + "".join(f"int *at{i} = &many[{i}];\n" for i in range(124))
        + custom("places", "many", "many+4"),
        "-O1",
        "-fdata-sections",
        name="many",
    )
    assert len(ObjectFile(many.read_bytes(), "").segments) == 127  # one more, and their count takes two bytes
    dead = cc("int reached(void) { return 1; }\n" + native("dead", 7), "-O1", name="dead")
    declared = cc('static int declared[0] __asm__("__ldshim$numbers$$declaration") __attribute__((used));', "-O1")
    rust = cc('int one __asm__("_RNvNtNtCs1x_4main8___ldshim7numbers3one") __attribute__((used)) = 1;', "-O1", "-fdata-sections")
    strings = cc('__attribute__((used, section("letters"))) static const char a[] = "same";\n', "-O1")
    letters = cc(
        'extern const char __start_letters[], __stop_letters[];\n__attribute__((export_name("n"))) int n(void) { return __stop_letters - __start_letters; }',
        "-O1",
    )
    row = [cc(number(f"row{i}", i) + f"int *row_{i} = &row{i};", "-O1", name=f"row{i}") for i in range(10)]
    natives = [cc(native(f"n{i}", i), "-O1", name=f"n{i}") for i in range(2)]
    wrong_order = [cc(items("zebra"), "-O1", name="zebra"), cc(items("apple"), "-O1", name="apple")]
    main64 = [cc(source, "-O1", target="wasm64") for source in (READER, items("hello", "world"), items("moon", key="4"))]
    pic = [cc(source, "-O1", "-fPIC") for source in (READER, items("hello", "world"), items("moon", key="4"), items("sun", key="30"))]
    threads = [cc(source, "-O1", "-matomics", "-mbulk-memory") for source in (READER, items("hello", "world"))]
    bitcode = [
        cc(source, "-O2", flag, name=f"bitcode{i}")
        for flag in ("-flto", "-flto=thin")
        for i, source in enumerate((items("hello"), items("moon", "stars", key="3")))
    ]
    old = [cc(source, "-O2", "-flto", clang="19", name=f"old{i}") for i, source in enumerate((READER, items("hello", "world")))]
    pointers = [
        cc(source, "-O2", "-flto") for source in (TABLE, number("small", 1, section="shapes") + number("tall", 2, section="shapes"))
    ]
    wides = [
        cc(
            f'struct wide {{ double d; int i[4]; }};\nstruct wide w{i} __asm__("__ldshim$numbers$$wide{i}") __attribute__((used, aligned(16))) = {{1}};',
            "-O2",
            *flags,
            name=f"wide{i}",
        )
        for flags in ((), ("-flto",))
        for i in (1, 2)
    ]
    uses = cc(
        'int *_Z4use1v(void), *_Z4use2v(void);\n__attribute__((export_name("u"))) int u(void) { return _Z4use1v() == _Z4use2v(); }',
        "-O1",
        name="uses",
    )
    apart = [cc(items("ab", key="1"), "-O1", name="ab"), cc(items("c", key="2"), "-O1", name="c")]
    weak_shapes = [cc(f'int w __attribute__((weak, used, section("shapes"))) = {i};', "-O1", name=f"weak{i}") for i in (1, 2)]
    only_read = cc(ADDRESSES, "-O1")
    pic_row = [cc(number(f"row{i}", i), "-O1", "-fPIC", name=f"row{i}") for i in range(10)]
    pic_bitcode = [
        cc(source, "-O2", "-fPIC", "-flto", name=f"pic{i}") for i, source in enumerate((NUMBERS, number("n", 1) + number("m", 2)))
    ]
    return [
        Link("marked statics", [reader, one, two]),
        Link("elements aligned more than their size", [numbers, *wides[:2]]),
        Link("elements of bitcode aligned more than their size", [numbers, *wides[2:]]),
        Link("an inline variable in an archive and in an object", [numbers, uses, lib("first", inline[0]), inline[1]]),
        Link("inline variables without collection of garbage", ["--no-gc-sections", numbers, *inline]),
        Link("a dead member with a segment, lld 14", ["-u", "reached", numbers, natives[0], lib("dead14", dead)], "14"),
        Link("nothing but sort keys", [reader, *apart]),
        Link("a table of weak elements of one name", [table, *weak_shapes]),
        Link("functions that nobody calls", ["--export=count", "--export=at", only_read, functions]),
        Link("a row of objects in a shared library", ["-shared", "--experimental-pic", cc(NUMBERS, "-O1", "-fPIC"), *pic_row]),
        Link("bitcode in a shared library", ["-shared", "--experimental-pic", *pic_bitcode]),
        Link(
            "a table of pointers in a shared library",
            [
                "-shared",
                "--experimental-pic",
                cc(TABLE, "-O1", "-fPIC"),
                cc(number("small", 1, section="shapes") + number("tall", 2, section="shapes"), "-O1", "-fPIC"),
            ],
        ),
        Link("marked statics, lld 14", [reader, one, two], "14"),
        Link("members that nothing refers to", [reader, one, plugins]),
        Link("all of an archive", [reader, "--whole-archive", plugins]),
        Link("lazy objects", [reader, one, "--start-lib", two, "--end-lib"]),
        Link("segments", [numbers, *natives]),
        Link("a dead member with a segment", ["-u", "reached", numbers, natives[0], lib("dead", dead)]),
        Link("sort keys", [reader, one, *keyed]),
        Link("sort keys without collection of garbage", ["--no-gc-sections", reader, one, *keyed]),
        Link("inline variables", [numbers, *inline]),
        Link("inline variables in an archive", ["-u", "_Z4use1v", "-u", "_Z4use2v", numbers, lib("inline", *inline)]),
        Link("inline variables in an archive, lld 19", [numbers, uses, lib("inline19", *inline)], "19"),
        Link("weak markers", [numbers, *weak]),
        Link("two alignments", [numbers, wide, cc(number("n", 1) + number("m", 2), "-O1")]),
        Link("a table of pointers", [table, *shapes]),
        Link(
            "a table of pointers, with its section",
            [
                table,
                *shapes,
                cc(NUMBERS.replace("numbers", "shapes").replace("count", "c").replace('"at"', '"a"').replace("at(", "a("), "-O1"),
            ],
        ),
        Link("a custom section of functions", [cc(CALLER, "-O1"), functions]),
        Link("a custom section of addresses", [cc(PLACES, "-O1"), offsets]),
        Link("a custom section that refers to another", [cc(PLACES, "-O1"), texts, sections]),
        Link("a custom section of an object of 127 segments", [reader, cc(PLACES, "-O1"), many]),
        Link("a custom section that repeats statics", [numbers, paired]),
        Link("an empty section", [numbers, declared]),
        Link("a static of Rust", [numbers, rust]),
        Link("strings", [letters, strings, cc('__attribute__((used, section("letters"))) static const char b[] = "same";\n', "-O1")]),
        Link("a row of objects", [numbers, *row]),
        Link("two members with elements", [reader, lib("order", *wrong_order)]),
        Link("an exported marker", ["--export=__ldshim$items$$hello", reader, one]),
        Link("64 bits", ["-mwasm64", *main64]),
        Link("a shared library", ["-shared", "--experimental-pic", *pic]),
        Link("position-independent", ["-pie", "--experimental-pic", *pic]),
        Link("shared memory", ["--shared-memory", "--max-memory=131072", *threads]),
        Link("bitcode", [reader, bitcode[1], bitcode[0]]),
        Link("bitcode in front of an object", [bitcode[0], reader, two]),
        Link("ThinLTO", [reader, *bitcode[2:]]),
        Link("lowered bitcode", [*old], "19"),
        Link("a table of pointers in bitcode", [*pointers]),
    ]


def run(link: Link, package: Path, folder: Path) -> tuple[int, str]:
    """Link with the ldshim in `package`, and verification; returns status and messages."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(package),
        "LDSHIM_LINKER": linker_path(link.lld),
        "LDSHIM_VERIFY": "1",
        "LDSHIM_CACHE": str(folder / "cache"),
    }
    out = folder / f"{link.name.replace(' ', '-')}.wasm"
    command = [
        sys.executable,
        "-P" if sys.version_info >= (3, 11) else "-s",
        "-m",
        "ldshim",
        "--no-entry",
        *map(str, link.words),
        "-o",
        str(out),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environ)
    return done.returncode, done.stdout + done.stderr


# Rules


@dataclass
class Mutant:
    """A rule of ldshim that does not hold."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...] = field(default=("copies_and_losses", "order_and_alignment"))


_ORDER, _COPIES, _CUSTOM, _KINDS, _ARCHIVES = "order_and_alignment", "copies_and_losses", "custom_sections", "kinds_of_modules", "archives"
_SOURCES, _EDITOR, _ROWS, _LTO, _RUST = "sources_of_elements", "objects", "rows_of_objects", "lto", "rust_rules"

MUTANTS = [
    # Alignment
    Mutant(
        "alignment is not lowered",
        "sections.py",
        "(name, (contribution.p2align or 0) if p2align is None else p2align, 0)",
        "(name, contribution.p2align or 0, 0)",
        (_ORDER,),
    ),
    Mutant("alignment is lowered to 1", "sections.py", "return min(bounds, default=0)", "return 0", (_ORDER,)),
    Mutant(
        "alignment forgets the sizes",
        "sections.py",
        "bounds.append((contribution.size & -contribution.size).bit_length() - 1)",
        "pass",
        (_ORDER,),
    ),
    Mutant(
        "alignment of the head is 1",
        "anchors.py",
        "obj.segment(anchor.section, anchor.p2align, bytes(size))",
        "obj.segment(anchor.section, 0, bytes(size))",
        (_ORDER,),
    ),
    # Copies
    Mutant("a copy is not dropped", "sections.py", "copy.dropped = True", "copy.dropped = False", (_COPIES,)),
    Mutant(
        "the first of two markers wins, even a weak one", "sections.py", "winner = (strong or copies)[0]", "winner = copies[0]", (_COPIES,)
    ),
    Mutant("the copy that counts stays in its group", "sections.py", "        self._leave_comdat(winner)\n", "", (_COPIES,)),
    Mutant("RETAIN stays on copies", "sections.py", "self._set_segment_flags(copy, clear=SEG_FLAG_RETAIN)", "pass", (_COPIES,)),
    Mutant(
        "a dropped copy keeps its name",
        "sections.py",
        "name = DROPPED_NAME if copy.kind == NATIVE else copy.unit",
        "name = copy.unit",
        (_COPIES,),
    ),
    Mutant("a dropped copy keeps its symbol", "sections.py", "edit.undefined_symbols.add(symbol.index)", "pass", (_COPIES, "references_to_copies")),
    Mutant("groups are written as they were", "wasm/editor.py", "if (kind, index) not in self.edit.left_comdats", "if True", (_COPIES, "references_to_copies")),
    # Collection
    Mutant(
        "NO_STRIP is forgotten for segments",
        "sections.py",
        "if not contribution.is_used or not self.mode.collects:",
        "if True:",
        (_COPIES,),
    ),
    Mutant(
        "NO_STRIP is forgotten for markers",
        "sections.py",
        "flags |= VISIBILITY_HIDDEN | (NO_STRIP if keep else 0)",
        "flags |= VISIBILITY_HIDDEN",
        (_KINDS, _COPIES),
    ),
    Mutant(
        "NO_STRIP is forgotten for tables",
        "sections.py",
        "                symbol.flags |= NO_STRIP\n",
        "                pass\n",
        (_KINDS, _ORDER),
    ),
    Mutant(
        "NO_STRIP is forgotten for the anchor",
        "anchors.py",
        "flags = VISIBILITY_HIDDEN | (NO_STRIP if keep else 0)",
        "flags = VISIBILITY_HIDDEN",
        (_KINDS, _ORDER),
    ),
    Mutant(
        "NO_STRIP is never taken off",
        "sections.py",
        "symbol.flags & ~(NO_STRIP | EXPORTED if marked else NO_STRIP)",
        "symbol.flags",
        (_SOURCES, _COPIES),
    ),
    Mutant(
        "the anchor keeps the last element only", "sections.py", "elements.append(symbol)", "elements[:] = [symbol]", (_SOURCES, _COPIES)
    ),
    Mutant(
        "the anchor forgets the last reference", "anchors.py", "for symbol in required)", "for symbol in required[:-1])", (_SOURCES, _ORDER)
    ),
    Mutant("strings are merged", "sections.py", "self._set_segment_flags(contribution, clear=SEG_FLAG_STRINGS)", "pass", (_COPIES,)),
    # Order
    Mutant(
        "keys are in reverse", "sections.py", "sorted(places, key=_place_rank)", "sorted(places, key=_place_rank, reverse=True)", (_ORDER,)
    ),
    Mutant("keys are sorted as text", "markers.py", 'return (1, int(key), b"")', "return (1, 0, key)", (_ORDER,)),
    Mutant("keys that are text come before numbers", "markers.py", "return (2, 0, key)", "return (0, 1, key)", (_ORDER,)),
    Mutant("010 is another key than 10", "markers.py", 'return b"%d" % int(key) if _is_number(key) else key', "return key", (_ORDER,)),
    Mutant("keys are forgotten", "markers.py", "return Marker(name, *known)", 'return Marker(name, known[0], b"")', (_ORDER,)),
    Mutant(
        "an element with a key lies with the others",
        "sections.py",
        "markers.segment_name(contribution.section, contribution.key, contribution.run)",
        'markers.segment_name(contribution.section, b"", contribution.run)',
        (_ORDER,),
    ),
    Mutant("places of keys are in reverse", "anchors.py", "for name in anchor.keyed:", "for name in reversed(anchor.keyed):", (_ORDER,)),
    Mutant(
        "the anchor is last",
        "rewrite.py",
        "return command.rewritten(replacements, first=first)",
        "return [*command.rewritten(replacements), *first]",
        (_ORDER,),
    ),
    Mutant(
        "extracted members are in reverse",
        "rewrite.py",
        "(u for u in changed if u.certain), key=lambda u: u.order)",
        "(u for u in changed if u.certain), key=lambda u: u.order, reverse=True)",
        (_ORDER, _ARCHIVES, _SOURCES),
    ),
    Mutant(
        "what LTO makes has no place of its own",
        "sections.py",
        "contribution.run = run + (run < 0 or kind < before or moves or moved)",
        "contribution.run = 0",
        (_LTO,),
    ),
    # Bounds
    Mutant(
        "__start_X is in front of the head",
        "anchors.py",
        '"__start_" + anchor.section, head, size, keep',
        '"__start_" + anchor.section, head, 0, keep',
        (_SOURCES, _ORDER),
    ),
    Mutant(
        "__stop_X is at the start",
        "anchors.py",
        '"__stop_" + anchor.section, stop, 0, keep',
        '"__stop_" + anchor.section, head, size, keep',
        (_ORDER,),
    ),
    Mutant(
        "a declaration is lost",
        "sections.py",
        "declared = any(c.is_declaration and c.kind != NATIVE for c in contributions)",
        "declared = False",
        (_SOURCES,),
    ),
    # Custom sections
    Mutant(
        "the type of a relocation is not translated",
        "sections.py",
        "return Relocation(pointer, offset, index)",
        "return relocation",
        (_CUSTOM,),
    ),
    Mutant(
        "a function is the next one",
        "sections.py",
        "return Relocation(pointer, offset, index)",
        "return Relocation(pointer, offset, index + 1)",
        (_CUSTOM,),
    ),
    Mutant(
        "a pointer is in the next place",
        "sections.py",
        "return Relocation(pointer, offset, index)",
        "return Relocation(pointer, offset ^ 4, index)",
        (_CUSTOM,),
    ),
    Mutant(
        "the addend of a section is dropped",
        "sections.py",
        "Relocation(R_MEMORY_ADDR_I32, offset, target, addend)",
        "Relocation(R_MEMORY_ADDR_I32, offset, target)",
        (_CUSTOM,),
    ),
    Mutant(
        "a section is the one before",
        "sections.py",
        "Relocation(R_MEMORY_ADDR_I32, offset, target, addend)",
        "Relocation(R_MEMORY_ADDR_I32, offset, target ^ 1, addend)",
        (_CUSTOM,),
    ),
    Mutant(
        "a custom section stays as well",
        "sections.py",
        "        edit.emptied_sections.add(contribution.index)\n        if contribution.is_declaration:",
        "        if contribution.is_declaration:",
        (_CUSTOM,),
    ),
    Mutant("a paired custom section stays", "sections.py", "edit.emptied_sections.add(contribution.repeated_by)", "pass", (_CUSTOM,)),
    Mutant(
        "emptied sections are not emptied",
        "wasm/editor.py",
        'return writer.custom_section(IGNORED_SECTION, b"")',
        "return None",
        (_CUSTOM,),
    ),
    Mutant(
        "a custom section loses its last word",
        "sections.py",
        "obj.data[section.content : section.end]",
        "obj.data[section.content : section.end - 4] + bytes(4)",
        (_CUSTOM,),
    ),
    Mutant(
        "no table of functions is imported",
        "sections.py",
        "            self.plan.needs_table = True\n            pointer",
        "            pointer",
        (_CUSTOM,),
    ),
    Mutant("statics are paired where there is a doubt", "survey.py", "while count == 1 and", "while count and", (_CUSTOM,)),
    # Tables
    Mutant(
        "a table forgets its last pointer",
        "sections.py",
        "for i, target in enumerate(targets)]",
        "for i, target in enumerate(targets[:-1])]",
        (_ORDER,),
    ),
    Mutant(
        "a table points to another's weak element",
        "sections.py",
        "if not symbol.is_weak or unit.is_bitcode:",
        "if True:",
        (_ORDER,),
    ),
    Mutant(
        "a table forgets keys",
        "sections.py",
        "markers.segment_name(table, contribution.key, contribution.run)",
        'markers.segment_name(table, b"", contribution.run)',
        (_ORDER,),
    ),
    # Writing objects
    Mutant(
        "new relocations are one place further",
        "wasm/editor.py",
        "writer.relocation(entry, begin)",
        "writer.relocation(entry, begin + 4 - 2 * (entry.offset & 4))",
        (_CUSTOM, _EDITOR),
    ),
    Mutant("new relocations lose their addend", "wasm/writer.py", "signed(entry.addend)", "signed(0)", (_CUSTOM, _EDITOR)),
    Mutant(
        "old relocations do not move",
        "wasm/editor.py",
        "writer.relocation(entry, growth)",
        "writer.relocation(entry, 0)",
        (_CUSTOM, _EDITOR),
    ),
    Mutant(
        "new symbols are of the segment before",
        "wasm/editor.py",
        "new.flags, new.segment, new.offset",
        "new.flags, max(new.segment - 1, 0), new.offset",
        (_CUSTOM, _EDITOR),
    ),
    # Files
    Mutant("members are not extracted", "rewrite.py", "extracted = [] if whole else", "extracted = [] if True else", (_SOURCES, _ARCHIVES)),
    Mutant(
        "a marked element does not load its member",
        "survey.py",
        "            contribution.unit.certain = True\n",
        "            pass\n",
        (_SOURCES, _ARCHIVES),
    ),
    Mutant("a row loses its last object", "rewrite.py", "units = row[begin:end]", "units = row[begin : end - 1]", (_ROWS,)),
    Mutant(
        "a row is not loaded as a whole",
        "rewrite.py",
        'words += ["--whole-archive", path, *([] if in_whole_archive else ["--no-whole-archive"])]',
        "words += [path]",
        (_ROWS,),
    ),
    Mutant("an archive is copied as it was", "rewrite.py", "        if edit is None:\n", "        if True:\n", (_COPIES, _ARCHIVES)),
    Mutant(
        "--export of a marker stays",
        "sections.py",
        "plan.dropped_exports = [o for",
        "plan.dropped_exports = [] and [o for",
        (_SOURCES, _RUST),
    ),
    Mutant(
        "the last member of an archive is not seen",
        "archive.py",
        "    return found\n\n\ndef member_at",
        "    return found[:-1]\n\n\ndef member_at",
        (_ARCHIVES, _SOURCES),
    ),
    Mutant(
        "a static of Rust is an element of its own name",
        "markers.py",
        'return Marker(name, section, b"")',
        'return Marker(name, element, b"")',
        (_RUST,),
    ),
    Mutant(
        "segments of sections are not looked at", "survey.py", "    for segment in obj.segments_named(wanted):\n", "    for segment in ():\n", (_COPIES,)
    ),
    Mutant("the first of several symbols of a segment is missed", "wasm/entries.py", "row in range(len(owners) - 1, -1, -1)", "row in range(len(owners) - 1, 0, -1)", (_EDITOR,)),
    Mutant("a name behind another is not found", "wasm/entries.py", "position = data.find(needle, begins[row], end)", "position = -1", (_COPIES,)),
    Mutant("symbols of archives are not searched", "wasm/names.py", "        if kind == SYMBOL_TABLE:\n", "        if False:\n", (_ARCHIVES,)),
    # Bitcode
    Mutant(
        "bitcode gets no section",
        "bitcode/ir.py",
        "lines[numbers[index]] = _placed(lines[numbers[index]], name, p2align, flags)",
        "pass",
        (_LTO,),
    ),
    Mutant(
        "bitcode forgets what is used",
        "bitcode/ir.py",
        "return [names[index] for index, flag in flags.items() if flag & NO_STRIP]",
        "return []",
        (_LTO,),
    ),
    Mutant("bitcode keeps its alignment", "bitcode/ir.py", ', "align": f"align {1 << p2align}"}', "}", (_LTO,)),
    Mutant(
        "a table in bitcode points to the variable before",
        "bitcode/ir.py",
        "{names[relocation.index]}",
        "{names[relocation.index - 1]}",
        (_LTO,),
    ),
]


def mutated(mutant: Mutant, folder: Path) -> Path:
    """A copy of ldshim with one rule changed, in `folder`; returns what PYTHONPATH has to be."""
    shutil.copytree(ROOT / "ldshim", folder / "ldshim", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "ldshim" / mutant.file
    text = path.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.name}: {text.count(mutant.old)} places in {mutant.file} have the text that is to change"
    path.write_text(text.replace(mutant.old, mutant.new))
    return folder


def caught_by_verification(package: Path, of: list[Link], folder: Path, workers: int = 2) -> tuple[str, str] | None:
    """The first link that does not work with a mutant, and its message: `verify` if the module was read back, `lld` if it did not get so far."""
    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(lambda link: run(link, package, folder), of))
    failed = [(link, text) for link, (status, text) in zip(of, results, strict=True) if status]
    for link, text in failed:
        if "verification" in text:
            return "verify", f"{link.name}: {text.splitlines()[0]}"
    return ("link", f"{failed[0][0].name}: {failed[0][1].splitlines()[-1]}") if failed else None
