"""Objects and archives to link: real ones, made by clang, in any number.

clang compiles a template in which every global name contains NUMBER; the others are copies with a number of the same width in its place.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tools import INCLUDE, find, made, output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBER = b"QQQQ"
FLAGS = ["--target=wasm32", "-O1", f"-I{INCLUDE}", "-x", "c"]

COMMAND = """
struct command { const char *name; int (*run)(int); };
"""

# The same elements for ldshim and, in segments that the compiler names, for lld alone.
ELEMENTS = """
#ifdef NATIVE
extern const struct command __start_commands[], __stop_commands[];
#define BEGIN __start_commands
#define END __stop_commands
#define ELEMENT(name) \\
    extern __attribute__((visibility("hidden"))) const struct command name; \\
    __attribute__((used, section("commands"), aligned(4))) const struct command name
#else
#include <ldshim.h>
LDSHIM_SECTION(commands, const struct command);
#define BEGIN LDSHIM_BEGIN(commands)
#define END LDSHIM_END(commands)
#define ELEMENT(name) LDSHIM_ELEMENT(commands, const struct command, name)
#endif
"""

# Both say how many elements there are, and something that depends on all that is in them.
READER = """
static const struct command *hide(const struct command *it) { __asm__("" : "+r"(it)); return it; }
__attribute__((export_name("count"))) int count(void) { return hide(END) - hide(BEGIN); }
__attribute__((export_name("sum"))) int sum(void)
{
    int sum = 0;
    for (const struct command *it = hide(BEGIN), *end = hide(END); it < end; it++) {
        sum += it->run(sum & 3);
        for (const char *c = it->name; *c; c++) sum += *c;
    }
    return sum;
}
"""


def elements_source(count: int) -> str:
    """An object's worth of commands, each a static of its own with a name and a function."""
    commands = (
        f"static int run_{i}(int x) {{ return x * 3 + {i}; }}\n"
        f'ELEMENT(command_{NUMBER.decode()}_{i:04}) = {{"{NUMBER.decode()}-{i}", run_{i}}};\n'
        for i in range(count)
    )
    return COMMAND + ELEMENTS + "".join(commands)


def custom_source(count: int, *, native: bool) -> str:
    """The same as one table in each object: a custom section of function offsets and addresses, or a data segment."""
    number = NUMBER.decode()
    functions = "".join(
        f'int run_{number}_{i}(int x) {{ return x * 3 + {i}; }}\nconst char name_{number}_{i}[] = "{number}-{i}";\n' for i in range(count)
    )
    if native:
        rows = "".join(f"{{name_{number}_{i}, run_{number}_{i}}},\n" for i in range(count))
        table = f'__attribute__((used, section("commands"))) static const struct command table[] = {{\n{rows}}};\n'
    else:
        words = "".join(f'".int32 name_{number}_{i}\\n.int32 run_{number}_{i}\\n"\n' for i in range(count))
        table = f'__asm__(".section .custom_section.commands,\\"\\",@\\n"\n{words});\n'
    return COMMAND + functions + table


class Inputs:
    """Makes inputs in the work folder, and finds them there again."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.clang = find("clang-22")
        self.ar = find("llvm-ar-22", "llvm-ar")

    def compile(self, source: str, folder: Path, name: str, *flags: str) -> Path:
        text = folder / f"{name}.c"
        text.write_text(source)
        words = [self.clang, *FLAGS, *flags, "-c", name + ".c", "-o", name + ".o"]
        output(words, cwd=folder)
        return folder / f"{name}.o"

    def elements(self, objects: int, each: int, *, native: bool) -> Path:
        """A folder with `@line`: a reader and so many objects with so many elements each."""
        kind = "native" if native else "marked"
        flags = ["-DNATIVE"] if native else []
        return self._line(f"elements-{objects}x{each}-{kind}", elements_source(each), COMMAND + ELEMENTS + READER, flags, objects)

    def custom(self, objects: int, each: int, *, native: bool) -> Path:
        kind = "native" if native else "custom"
        reader = COMMAND + ELEMENTS + READER
        return self._line(f"custom-{objects}x{each}-{kind}", custom_source(each, native=native), reader, ["-DNATIVE"], objects)

    def _line(self, name: str, template: str, reader: str, flags: list[str], objects: int) -> Path:
        def make(folder: Path) -> None:
            self.compile(reader, folder, "reader", *flags)
            content = self.compile(template, folder, "template", *flags).read_bytes()
            names = ["reader.o"]
            for number, numbered in _numbered(content, objects):
                names.append(f"unit{number:04}.o")
                (folder / names[-1]).write_bytes(numbered)
            (folder / "line").write_text("\n".join(["--no-entry", *names, ""]))

        return made(self.work / name, (template, reader, flags, objects, INCLUDE.joinpath("ldshim.h").read_text()), make)

    def small(self) -> Path:
        """A program of three objects and an archive, of which ldshim has nothing to do."""
        main = (
            'int twice(int), thrice(int);\n__attribute__((export_name("count"))) int count(void) { return twice(20); }\n'
            '__attribute__((export_name("sum"))) int sum(void) { return thrice(14); }\n'
        )

        def make(folder: Path) -> None:
            self.compile(main, folder, "main")
            for number, name in ((2, "twice"), (3, "thrice"), (4, "unused")):
                self.compile(f"int {name}(int x) {{ return {number} * x; }}\n", folder, name)
            output([self.ar, "rcs", "libsmall.a", "thrice.o", "unused.o"], cwd=folder)
            (folder / "line").write_text("--no-entry\nmain.o\ntwice.o\nlibsmall.a\n")

        return made(self.work / "small", main, make)

    def archives(self, count: int) -> Path:
        """So many archives of 2 MB, without anything for ldshim in them; from each the program needs one member."""
        templates = [library_source(seed) for seed in range(4)]
        calls = "".join(f"int library_{number:04}_0(int);\n" for number in range(0, 20 * count, 20))
        sum_ = " + ".join(f"library_{number:04}_0(1)" for number in range(0, 20 * count, 20))
        main = calls + f'__attribute__((export_name("sum"))) int sum(void) {{ return {sum_}; }}\n'
        main += f'__attribute__((export_name("count"))) int count(void) {{ return {count}; }}\n'

        def make(folder: Path) -> None:
            self.compile(main, folder, "main")
            contents = [self.compile(source, folder, "template", "-g").read_bytes() for source in templates]
            for index in range(count):
                names = []
                for number in range(20 * index, 20 * index + 20):
                    names.append(f"member{number:04}.o")
                    (folder / names[-1]).write_bytes(contents[number % len(contents)].replace(NUMBER, b"%04d" % number))
                output([self.ar, "rcs", f"lib{index:03}.a", *names], cwd=folder)
                for name in names:
                    (folder / name).unlink()
            archives = [f"lib{index:03}.a" for index in range(count)]
            (folder / "line").write_text("\n".join(["--no-entry", "main.o", *archives, ""]))

        return made(self.work / f"archives-{count}", (templates, main), make)


def archive_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.a"))


def library_source(seed: int) -> str:
    """A file of C such as libraries consist of: eighty functions that call each other, with strings and tables."""
    rng = random.Random(seed)
    words = ["open", "close", "parse", "value", "table", "index", "buffer", "stream", "node", "state", "error", "format", "key", "list"]
    number = NUMBER.decode()
    lines = ["struct entry { const char *name; int (*run)(int); int value; };\n"]
    count = 80
    for i in range(count):
        steps = []
        for _ in range(rng.randint(3, 9)):
            word, constant = rng.choice(words), rng.randint(1, 1 << 24)
            steps.append(
                rng.choice(
                    (
                        f"  x = (x ^ {constant}) * {constant % 97 + 3};\n",
                        f"  if (x > {constant}) x -= __builtin_popcount(x);\n",
                        f"  for (int i = 0; i < (x & {constant % 31}); i++) x += i * {constant % 13};\n",
                        f'  x += "{word} {rng.choice(words)} {constant}"[x & 7];\n',
                    )
                )
            )
        call = f"  x += library_{number}_{rng.randrange(i)}(x);\n" if i else ""
        lines.append(f"int library_{number}_{i}(int x)\n{{\n{''.join(steps)}{call}  return x;\n}}\n")
    rows = "".join(f'  {{"{rng.choice(words)}-{i}", library_{number}_{i}, {rng.randint(0, 9999)}}},\n' for i in range(0, count, 5))
    lines.append(f"const struct entry entries_{number}[] = {{\n{rows}}};\n")
    return "".join(lines)


def _numbered(content: bytes, count: int) -> Iterator[tuple[int, bytes]]:
    assert count <= 10 ** len(NUMBER)
    for number in range(count):
        yield number, content.replace(NUMBER, b"%04d" % number)
