"""Errors, warnings and notes: what they say, how many there are, what they look like, and that docs/errors.md has them all."""

from __future__ import annotations

import ast
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ldshim.errors import MAX_NAME, Errors, LinkError, LinkErrors, printable
from tests.harness import archive, fails, ldshim, link
from tests.linkers import WASM_LDS
from tests.test_copies_and_losses import READER, marked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness import Compiler

ROOT = Path(__file__).parent.parent
LLDS = ("14", "16", "19", "22")


def reading(*sections: str) -> str:
    """A program that reads the bounds of these sections."""
    bounds = "".join(f"extern int __start_{name}[], __stop_{name}[];\n" for name in sections)
    sums = " + ".join(f"(__stop_{name} - __start_{name})" for name in sections)
    return f'{bounds}__attribute__((export_name("count"))) int count(void) {{ return {sums}; }}'


# One error, or several


def test_errors_of_independent_steps_are_raised_together() -> None:
    errors = Errors()
    for number in range(3):
        with errors:
            if number != 1:
                raise LinkError(f"number {number}")
    with pytest.raises(LinkErrors) as caught:
        errors.check()
    assert [str(error) for error in caught.value.errors] == ["number 0", "number 2"]
    assert str(caught.value) == "number 0\nnumber 2"


def test_one_error_stays_what_it_is() -> None:
    class SpecialError(LinkError):
        pass

    errors = Errors()
    for _ in range(2):  # in two passes
        with errors:
            raise SpecialError("once")
    with pytest.raises(SpecialError, match=r"^once$"):
        errors.check()


def test_no_error_is_none() -> None:
    Errors().check()


def test_errors_that_carry_several_are_collected_one_by_one() -> None:
    inner, outer = Errors.of(["a", "b"]), Errors()
    with outer:
        inner.check()
    with outer:
        raise LinkError("c")
    assert list(outer.found) == ["a", "b", "c"]


def test_other_exceptions_are_not_collected() -> None:
    errors = Errors()
    with pytest.raises(KeyError), errors:
        raise KeyError
    assert not errors.found


def test_the_place_is_added_on_the_way_up() -> None:
    error = LinkError("a number out of range at offset 0x4").within("section 3").within("lib.a(b.o)")
    assert str(error) == "lib.a(b.o): section 3: a number out of range at offset 0x4"
    several = LinkErrors([LinkError("a"), LinkError("b")]).within("x.o")
    assert str(several) == "x.o: a\nx.o: b"


# Names


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"plain", "plain"),
        ("ungewöhnlich 名前".encode(), "ungewöhnlich 名前"),
        (b"two\nlines\r\ttab", r"two\nlines\r\ttab"),
        (b"\x1b[31mred\x1b[0m\x07\x00", r"\x1b[31mred\x1b[0m\x07\x00"),
        (b"latin-1 \xe9", r"latin-1 \xe9"),
        ("turned \u202e round".encode(), r"turned \u202e round"),
        ("C1 \x9b31m".encode(), r"C1 \x9b31m"),
        (os.fsdecode(b"path \xff/\x1b"), r"path \xff/\x1b"),
        ("half \ud83d", r"half \ud83d"),
        (b"", ""),
        (b"x" * MAX_NAME, "x" * MAX_NAME),
    ],
)
def test_a_name_is_one_line_of_text(name: bytes | str, text: str) -> None:
    assert printable(name) == text


def test_of_a_very_long_name_the_middle_is_left_out() -> None:
    text = printable(b"begin" + b"\x1b" * 100_000 + b"end")
    assert text.startswith(r"begin\x1b\x1b")
    assert "[... 99008 bytes ...]" in text
    assert text.endswith(r"\x1bend")
    assert len(text) < 4 * MAX_NAME + 30


def test_names_of_symbols_and_files_do_not_reach_the_terminal(cc: Compiler, tmp_path: Path) -> None:
    source = r'int a __asm__("__ldshim$9x$$\033[31mred\n") __attribute__((used)) = 1;'
    name = "a\x1b]0;title\x07.o"
    (tmp_path / name).write_bytes(cc(source).read_bytes())
    done = ldshim("--no-entry", name, "-o", "out.wasm", cwd=tmp_path)
    what = r"a\x1b]0;title\x07.o: marker symbol __ldshim$9x$$\x1b[31mred"
    assert done.returncode == 1
    assert done.stderr.startswith(f"ldshim: error: {what}")
    assert done.stderr.endswith("expected __ldshim$SECTION$KEY$UNIQUE, where SECTION is a C identifier\n")
    assert "\x1b" not in done.stderr


def test_a_very_long_name_does_not_flood_the_terminal(cc: Compiler, out: Path) -> None:
    long = "x" * 100_000
    message = fails(out, cc(f'int a __asm__("__ldshim$9x$${long}") __attribute__((used)) = 1;'))
    assert message.startswith("ldshim: error: ")
    assert message.endswith("where SECTION is a C identifier\n")
    assert len(message) < 10_000


# Warnings, and warnings as errors


def missing(unit: Path, *sections: str, kind: str = "error") -> str:
    return "".join(
        f"ldshim: {kind}: {unit} refers to section {name}, but no input has an element or a declaration of it: "
        f"__start_{name} and __stop_{name} are 0 (undefined symbols are allowed)\n"
        for name in sections
    )


@pytest.mark.parametrize("lld", LLDS)
def test_fatal_warnings_make_missing_sections_errors(cc: Compiler, out: Path, lld: str) -> None:
    unit = cc(reading("ones", "twos"), "-O1")
    line = ("--no-entry", "--allow-undefined", unit, "-o", out)
    assert fails(out, "--allow-undefined", "--fatal-warnings", unit, lld=lld) == missing(unit, "ones", "twos")
    done = ldshim(*line, lld=lld)
    assert (done.returncode, done.stderr) == (0, missing(unit, "ones", "twos", kind="warning"))


def test_the_last_of_fatal_warnings_and_no_fatal_warnings_counts(cc: Compiler, out: Path) -> None:
    unit = cc(reading("ones"), "-O1")
    done = ldshim("--no-entry", "--allow-undefined", "--fatal-warnings", "--no-fatal-warnings", unit, "-o", out)
    assert (done.returncode, done.stderr) == (0, missing(unit, "ones", kind="warning"))


def test_fatal_warnings_do_not_matter_to_a_link_without_warnings(cc: Compiler, out: Path) -> None:
    link(out, "--fatal-warnings", cc(READER, "-O1"), cc(marked("one", 1), "-O1"))


@pytest.mark.parametrize("word", ["--no-warnings", "-w", "--suppress-warnings", "--vs-diagnostics", "--error-handling-script=x"])
def test_options_of_other_ports_of_lld_stay_unknown(cc: Compiler, out: Path, word: str) -> None:
    unit = cc("int f(void) { return 1; }")
    bare = subprocess.run([*WASM_LDS["22"], "--no-entry", word, str(unit), "-o", str(out)], capture_output=True, text=True, check=False)
    assert fails(out, word, unit) == bare.stderr
    assert "unknown argument" in bare.stderr


# How many

MANY = [f"s{number:02}" for number in range(25)]
TOO_MANY = "ldshim: error: too many errors emitted, stopping now (use --error-limit=0 to see all errors)\n"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ((), 20),
        (("--error-limit=3",), 3),
        (("--error-limit", "3"), 3),
        (("--error-limit=24",), 24),
        (("--error-limit=25",), 25),
        (("--error-limit=0",), 25),
        (("--error-limit=-1",), 25),
        (("--error-limit=3", "--error-limit=0"), 25),
        (("--error-limit=many",), 20),
    ],
)
def test_no_more_errors_are_shown_than_are_asked_for(cc: Compiler, out: Path, words: tuple[str, ...], shown: int) -> None:
    unit = cc(reading(*MANY), "-O1")
    message = fails(out, "--allow-undefined", "--fatal-warnings", *words, unit)
    assert message == missing(unit, *MANY[:shown]) + (TOO_MANY if shown < 25 else "")


def test_the_limit_may_be_in_a_response_file(cc: Compiler, tmp_path: Path, out: Path) -> None:
    (tmp_path / "words").write_text("--error-limit=2 --fatal-warnings --allow-undefined")
    unit = cc(reading(*MANY), "-O1")
    assert fails(out, f"@{tmp_path}/words", unit) == missing(unit, *MANY[:2]) + TOO_MANY


@pytest.mark.parametrize("lld", LLDS)
def test_the_closing_line_is_lld_s(tmp_path: Path, lld: str) -> None:
    done = subprocess.run([*WASM_LDS[lld], *(f"{n}.o" for n in range(21)), "-o", "x"], cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = done.stderr.splitlines()
    assert len(lines) == 21
    # lld 22 does not know its option by one dash any more.
    assert lines[-1].replace(" -error-limit", " --error-limit") == f"wasm-ld-{lld}" + TOO_MANY.removeprefix("ldshim").rstrip()


# Colors


def on_a_terminal(command: list[str], cwd: Path, **environ: str) -> str:
    """What a program writes to the terminal that is its stderr."""
    main, terminal = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE")}
    env = {**kept, "LDSHIM_LINKER": WASM_LDS["22"][0], "TERM": "xterm", **environ}
    subprocess.run(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=terminal, check=False, env=env)
    os.close(terminal)
    text = b""
    try:
        while data := os.read(main, 1 << 16):
            text += data
    except OSError:  # the other end is closed
        pass
    os.close(main)
    return text.decode().replace("\r\n", "\n")


LDSHIM = [sys.executable, "-m", "ldshim"]
ERROR = "ldshim: \x1b[0;31merror: \x1b[0m-flavor gnu: ldshim links WebAssembly only\n"


@pytest.mark.parametrize(
    ("words", "environ", "colored"),
    [
        ([], {}, True),
        ([], {"TERM": "dumb"}, False),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": ""}, True),
        ([], {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ([], {"TERM": "dumb", "FORCE_COLOR": "0"}, False),
        ([], {"TERM": "dumb", "CLICOLOR_FORCE": "1"}, True),
        ([], {"NO_COLOR": "1", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}, False),
        (["--no-color-diagnostics"], {"FORCE_COLOR": "1"}, False),
        (["--color-diagnostics=never"], {}, False),
        (["--color-diagnostics"], {"TERM": "dumb", "NO_COLOR": "1"}, True),
        (["--color-diagnostics=always"], {"TERM": "dumb"}, True),
        (["--color-diagnostics=auto"], {}, True),
        (["--color-diagnostics=auto"], {"NO_COLOR": "1"}, False),
        (["--color-diagnostics=always", "--no-color-diagnostics"], {}, False),
    ],
)
def test_colors_on_a_terminal(tmp_path: Path, words: list[str], environ: dict[str, str], colored: bool) -> None:
    command = [*LDSHIM, *words, "--ldshim-bogus"]
    text = on_a_terminal(command, tmp_path, **environ)
    kind = "\x1b[0;31merror: \x1b[0m" if colored else "error: "
    assert text == f"ldshim: {kind}unknown option: --ldshim-bogus\n"


@pytest.mark.parametrize(("word", "colored"), [("--color-diagnostics", True), ("--color-diagnostics=auto", False), ("--error-limit=1", False)])
def test_colors_in_a_pipe(word: str, colored: bool) -> None:
    done = ldshim(word, "--ldshim-bogus", env={"FORCE_COLOR": "", "CLICOLOR_FORCE": ""})
    assert done.stderr.startswith("ldshim: \x1b[0;31merror: \x1b[0m" if colored else "ldshim: error: ")


@pytest.mark.parametrize("lld", LLDS)
def test_error_and_warning_have_lld_s_colors(cc: Compiler, tmp_path: Path, lld: str) -> None:
    real = WASM_LDS[lld][0]
    (tmp_path / "reader.o").write_bytes(cc(reading("ones"), "-O1").read_bytes())
    line = ["--no-entry", "reader.o", "-o", "out.wasm"]
    prefix = os.path.basename(real)
    for words, kind in ((["gone.o"], "error"), (["--warn-unresolved-symbols"], "warning")):
        theirs = on_a_terminal([real, *line, *words], tmp_path)
        color = re.match(rf"{prefix}: (\x1b\[[0-9;]+m{kind}: \x1b\[0m)", theirs)
        assert color, theirs
        assert f"{prefix}: {color[1]}" in theirs
        ours = on_a_terminal([*LDSHIM, *line, "--allow-undefined", *(["--fatal-warnings"] if kind == "error" else [])], tmp_path, LDSHIM_LINKER=real)
        assert ours == missing(Path("reader.o"), "ones", kind=kind).replace(f"{kind}: ", color[1], 1)


def test_a_note_has_a_color_too(cc: Compiler, tmp_path: Path) -> None:
    (tmp_path / "reader.o").write_bytes(cc(reading("ones"), "-O1").read_bytes())
    text = on_a_terminal([*LDSHIM, "--no-entry", "reader.o", "-o", "out.wasm"], tmp_path)
    assert text.endswith("ldshim: \x1b[0;36mnote: \x1b[0mno input has an element or a declaration of section ones\n")


# Why bounds are missing


def note(text: str) -> str:
    return f"ldshim: note: {text}\n"


@pytest.mark.parametrize("lld", LLDS)
def test_a_section_that_only_lazy_members_have(cc: Compiler, tmp_path: Path, out: Path, lld: str) -> None:
    member = cc('int x __attribute__((used, section("numbers"))) = 1;', name="member")
    message = fails(out, cc(reading("numbers"), "-O1"), archive(tmp_path / "lib.a", member), lld=lld)
    assert message.endswith(
        note(
            f"section numbers has elements in {tmp_path}/lib.a(member.o), but nothing in the link refers to a symbol there; "
            "--whole-archive links all members, and marker symbols (ldshim.h has them) those with elements"
        )
    )


@pytest.mark.parametrize("lld", LLDS)
def test_a_section_that_was_collected_as_garbage(cc: Compiler, out: Path, lld: str) -> None:
    unit = cc('int x __attribute__((section("numbers"))) = 1;', name="unused")
    message = fails(out, cc(reading("numbers"), "-O1"), unit, lld=lld)
    assert message.endswith(
        note(
            f"section numbers has elements in {unit}, but none is marked as used, so the linker collected them as garbage; "
            "say __attribute__((used)), or #[used] in Rust"
        )
    )


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("nubmers", ""),
        ("Numbers", ""),
        ("NUMBERS", ""),
        ("num_bers", ""),
        (".numbers", "; only names that are C identifiers have bounds"),
    ],
)
def test_a_section_whose_name_is_spelt_differently(cc: Compiler, out: Path, written: str, advice: str) -> None:
    unit = cc(f'int x __attribute__((used, section("{written}"))) = 1;')
    message = fails(out, cc(reading("numbers"), "-O1"), unit)
    assert message.endswith(
        note(f"no input has an element or a declaration of section numbers; did you mean {written}? It is in {unit}{advice}")
    )


def test_a_name_in_an_archive_or_in_bitcode_is_found_too(cc: Compiler, tmp_path: Path, out: Path) -> None:
    source = 'int x __attribute__((used, section("nubmers"))) = 1;'
    library = archive(tmp_path / "lib.a", cc(source, name="member"))
    bitcode = cc(source.replace("int x", "int y"), "-flto", name="bitcode")
    message = fails(out, cc(reading("numbers"), "-O1"), library, bitcode)
    where = f"did you mean nubmers? It is in {library}(member.o), {bitcode}"
    assert message.endswith(note(f"no input has an element or a declaration of section numbers; {where}"))


@pytest.mark.parametrize("lld", LLDS)
def test_bounds_that_only_an_option_asks_for(cc: Compiler, out: Path, lld: str) -> None:
    words = ("--export=__start_numbers", str(cc("int f(void) { return 1; }")))
    bare = subprocess.run([*WASM_LDS[lld], "--no-entry", *words, "-o", str(out)], capture_output=True, text=True, check=False)
    assert fails(out, *words, lld=lld) == bare.stderr + note("no input has an element or a declaration of section numbers")


def test_a_weak_reference_to_a_missing_section_is_no_error(cc: Compiler, out: Path) -> None:
    link(out, cc("extern int __start_numbers[] __attribute__((weak)); void *f(void) { return __start_numbers; }", "-O1"), "--export=f")


# docs/errors.md


def templates(path: Path) -> Iterator[str]:
    """What the errors of a module say, a NUL for what is filled in; only the first line of it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in ("LinkError", "MalformedObject", "MalformedBitcode", "MalformedArchive", "fail"):
                texts = [text for text in map(template, node.args) if text]
                yield from (text for text in texts if text.replace("\0: \0", ""))


def template(node: ast.expr) -> str:
    """A string of the source, empty for any other expression."""
    if isinstance(node, ast.Constant):
        return node.value.partition("\n")[0] if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
        return text.partition("\n")[0]
    return ""


def as_pattern(text: str) -> re.Pattern[str]:
    # The place may be added on the way up.
    return re.compile("(?:FILE: )?" + ".+".join(map(re.escape, text.split("\0"))))


def entries() -> list[str]:
    """The messages of the page: those that stand on lines of their own, and those in tables."""
    page = (ROOT / "docs" / "errors.md").read_text()
    found = re.findall(r"^    ldshim: (?:error|warning|note): (.+)$", page, re.MULTILINE) + re.findall(r"^\| `([^`]+)` \|[^|]*\|$", page, re.MULTILINE)
    return [entry for entry in found if "  " not in entry and "…" not in entry]


def test_every_error_of_the_source_is_on_the_page() -> None:
    known = entries()
    texts = {text: path.relative_to(ROOT) for path in sorted((ROOT / "ldshim").rglob("*.py")) for text in templates(path)}
    assert len(texts) > 80
    assert [f"{path}: {text!r}" for text, path in texts.items() if not any(map(as_pattern(text).fullmatch, known))] == []


def test_every_error_of_the_page_is_in_the_source() -> None:
    patterns = [as_pattern(text) for path in (ROOT / "ldshim").rglob("*.py") for text in templates(path)]
    notes = {text for name in ("hints", "foreign") for text in strings(ROOT / "ldshim" / f"{name}.py")}
    patterns += [re.compile(".+".join(map(re.escape, text.split("\0"))) + ".*") for text in notes]
    patterns += map(as_pattern, ("\0: malformed archive: \0 (member header at offset \0)", "--error-limit=N"))
    assert [entry for entry in entries() if not any(pattern.fullmatch(entry) for pattern in patterns)] == []


def strings(path: Path) -> Iterator[str]:
    """The sentences of a module that prints notes."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Constant, ast.JoinedStr)):
            text = template(node)
            if text.count(" ") > 2 and text.strip("\0 "):
                yield text
