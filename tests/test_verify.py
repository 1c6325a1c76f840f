"""--ldshim-verify: a module that is not what the inputs say is found out, named and removed; one that is passes in silence."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness import Compiler, Instance, archive, fails, ldshim, link
from tests.linkers import WASM_LDS
from tests.mutation import MUTANTS, NUMBERS, READER, custom, items, links, mutated, native, number, run

if TYPE_CHECKING:
    from tests.mutation import Link, Mutant

ROOT = Path(__file__).parent.parent
# One rule of each kind, and the link that needs it.
SAMPLE = {
    "alignment is not lowered": "two alignments",
    "keys are sorted as text": "sort keys",
    "the anchor keeps the last element only": "marked statics",
    "the addend of a section is dropped": "a custom section that refers to another",
    "a function is the next one": "a custom section of functions",
    "old relocations do not move": "a custom section of an object of 127 segments",
    "a marked element does not load its member": "members that nothing refers to",
    "NO_STRIP is forgotten for tables": "a table of pointers in a shared library",
    "the first of two markers wins, even a weak one": "weak markers",
    "the last member of an archive is not seen": "members that nothing refers to",
}


@pytest.fixture(scope="session")
def known_links(cc: Compiler, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Link]:
    return {one.name: one for one in links(cc, tmp_path_factory.mktemp("links"))}


def broken(package: Path, file: str, old: str, new: str) -> Path:
    """A directory in which `python -m ldshim` is a ldshim with this text in place of that."""
    shutil.copytree(ROOT / "ldshim", package / "ldshim", ignore=shutil.ignore_patterns("__pycache__"))
    path = package / "ldshim" / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return package


@pytest.mark.parametrize("name", SAMPLE)
def test_verification_notices_that_a_rule_is_broken(name: str, known_links: dict[str, Link], tmp_path: Path) -> None:
    mutant: Mutant = next(one for one in MUTANTS if one.name == name)
    one = known_links[SAMPLE[name]]
    assert run(one, ROOT, tmp_path) == (0, "")
    output = tmp_path / f"{one.name.replace(' ', '-')}.wasm"
    assert output.exists()
    status, messages = run(one, mutated(mutant, tmp_path / "mutant"), tmp_path)
    assert (status, messages.startswith("ldshim: error: verification")) == (1, True), messages
    # Found before the link, it leaves the module of the one before, as any error of a command line does.
    assert not output.exists() or "the link has not seen" in messages


def test_every_rule_has_its_place_in_the_source() -> None:
    for mutant in MUTANTS:
        assert (ROOT / "ldshim" / mutant.file).read_text().count(mutant.old) == 1, mutant.name


@pytest.mark.parametrize("lld", WASM_LDS)
def test_a_module_that_is_right_passes_in_silence(cc: Compiler, out: Path, lld: str) -> None:
    plain = link(out, cc(READER, "-O1"), cc(items("one", "three"), "-O1"), lld=lld, env={"LDSHIM_VERIFY": "0"}).read_bytes()
    module = link(out, "--ldshim-verify", cc(READER, "-O1"), cc(items("one", "three"), "-O1"), lld=lld, env={"LDSHIM_VERIFY": "0"})
    assert module.read_bytes() == plain
    assert Instance(module).list() == [3, 6]


def test_the_message_names_the_element_and_its_file(cc: Compiler, out: Path, tmp_path: Path) -> None:
    reader, unit = cc(NUMBERS, "-O1"), cc(number("first", 1) + number("second", 2), "-O1", name="unit")
    there = broken(tmp_path / "broken", "sections.py", "elements.append(symbol)", "elements[:] = [symbol]")
    link(out, reader, unit, cwd=there, env={"LDSHIM_VERIFY": "0"})
    assert Instance(out).list() == [2]  # nobody notices
    assert out.exists()
    message = fails(out, "--ldshim-verify", reader, unit, cwd=there)
    assert message == (
        f"ldshim: error: verification of {out}: section numbers: __ldshim$numbers$$first, in {unit}, is not in the module, "
        f"although {reader} (count) refers to the section\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "who"),
    [
        ("edit.segment_info[contribution.index] = (name,", 'edit.segment_info[contribution.index] = (b"elsewhere",', "4 bytes of UNIT (marker 0)"),
        ("            if copy is not winner:\n", "            if copy:\n", "4 bytes of UNIT (segment 0)"),
        ("segment.content = obj.data[section.content : section.end]", 'segment.content = b""', "4 bytes of UNIT (custom section 1)"),
    ],
    ids=["marked", "a copy", "custom section"],
)
def test_a_plan_that_forgets_an_element_is_refused_before_anything_is_written(
    cc: Compiler, out: Path, tmp_path: Path, old: str, new: str, who: str
) -> None:
    inline = 'inline __attribute__((used, section("numbers"))) int shared = 3;\nint *use%d() { return &shared; }\n'
    sources = {"marker": number("one", 1), "segment": inline, "custom": custom("numbers", "1")}
    kind = next(kind for kind in sources if kind in who)
    if kind == "segment":
        units = [cc(inline % i, "-O1", "-std=c++17", language="c++", name=f"unit{i}") for i in (1, 2)]
    else:
        units = [cc(sources[kind], "-O1", name="unit")]
    there = broken(tmp_path / "broken", "sections.py", old, new)
    message = fails(out, "--ldshim-verify", cc(NUMBERS, "-O1"), *units, cwd=there)
    assert message == (
        f"ldshim: error: verification of the plan: section numbers: {who.replace('UNIT', str(units[0]))} are neither placed nor a copy of what is\n"
    )


def test_a_link_with_nothing_to_do_is_verified_before_it_is_handed_over(cc: Compiler, out: Path, tmp_path: Path) -> None:
    there = broken(tmp_path / "broken", "survey.py", "NEEDLES = (*BOUNDS, markers.NEEDLE)", 'NEEDLES = (b"no such name",)')
    reader, unit = cc(NUMBERS, "-O1"), cc(number("lost", 1), "-O1", name="unit")
    done = ldshim("--no-entry", "--ldshim-verify", "--allow-undefined", reader, unit, "-o", out, cwd=there)
    assert done.returncode == 1
    assert done.stderr == (
        f"ldshim: error: verification: section numbers is wanted by {reader}, and the link was about to be left to the linker\n"
    )
    assert not out.exists()


def test_what_cannot_be_checked_is_said_in_the_trace_alone(cc: Compiler, out: Path) -> None:
    unit = cc(number("only", 1), "-O2", "-flto", name="unit")
    done = ldshim("--no-entry", "--ldshim-verify", cc(NUMBERS, "-O1"), unit, "-o", out, env={"LDSHIM_TRACE": "1"})
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "trace: verify: " in line]
    assert lines == [
        f"ldshim: trace: verify: not checked: the bytes and pointers of __ldshim$numbers$$only, in {unit}, which LTO has made",
        "ldshim: trace: verify: 1 sections, 1 elements: as they should be",
    ]


def test_reasons_for_an_absence_are_no_errors(cc: Compiler, out: Path, tmp_path: Path) -> None:
    # A copy, an unreferenced section, a member that is not loaded, a static that is not used, a declaration.
    copies = [cc(number("shared", 1, attributes=", weak") + f"int other{i};", "-O1", name=f"copy{i}") for i in (1, 2)]
    nobody = cc(number("nobody", 1, section="unread"), "-O1")
    lazy = archive(tmp_path / "lib.a", cc(native("lazy", 3) + "int never;", "-O1"))
    unused = cc('int unused __attribute__((section("numbers"))) = 5;', "-O1")
    declared = cc('static int none[0] __asm__("__ldshim$numbers$$none") __attribute__((used));', "-O1")
    module = link(out, "--ldshim-verify", cc(NUMBERS, "-O1"), *copies, nobody, lazy, unused, declared)
    assert Instance(module).list()[:1] == [1]


@pytest.mark.parametrize("language", ["c", "c++"])
def test_a_static_that_a_custom_section_repeats_keeps_its_place(cc: Compiler, out: Path, language: str) -> None:
    # lld demangles the static's name in its map, for C++.
    unit = cc("static int one __attribute__((used)) = 1;\n" + number("two", 2) + custom("numbers", "1"), "-O1", language=language)
    module = link(out, "--ldshim-verify", cc(NUMBERS, "-O1"), unit)
    assert Instance(module).list() == [1, 2]


def test_it_is_a_flag(cc: Compiler, out: Path, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text("--ldshim-verify")
    link(out, f"@{words}", cc(NUMBERS, "-O1"), cc(number("one", 1), "-O1"))
    out.unlink()
    assert "unknown option: --ldshim-verify=yes" in fails(out, "--ldshim-verify=yes", cc("int f;"))


def test_a_map_of_the_users_is_no_hindrance(cc: Compiler, out: Path, tmp_path: Path) -> None:
    link(
        out,
        "--ldshim-verify",
        f"-Map={tmp_path / 'lld.map'}",
        f"--ldshim-map={tmp_path / 'map'}",
        cc(NUMBERS, "-O1"),
        cc(number("one", 1), "-O1"),
    )
    assert "__ldshim$numbers$$one" in (tmp_path / "lld.map").read_text()
