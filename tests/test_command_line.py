from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ldshim import command, options
from ldshim.command import parse
from ldshim.errors import LinkError
from tests.linkers import WASM_LDS

GENERATOR = Path(__file__).parent.parent / "scripts" / "generate-options"
# lld stops at its twentieth error, and each word may be one.
BATCH = 15
SPELLINGS = sorted({*options.FLAGS, *options.SEPARATE, *options.EITHER, *options.JOINED, *options.PREFIXES})
# --help ends lld before it writes down what it made of the line; two spellings that lld 14 knew are unknown to lld 22.
SPELLINGS = [s for s in SPELLINGS if s not in ("-help", "--help", "-reproduce", "-thinlto-cache-policy")]
TRAPS = [
    "-export-all",
    "-max-memory=65536",
    "-lto-O2",
    "-error-limit=3",
    "-L=d1",
    "-u=x",
    "--L",
    "-x",
    "--",
    "---r",
    "-",
]
TRAPS += [
    "--allow-undefined-file",
    "-allow-undefined-file",
    "--export_all",
    "-Export",
    "--o",
    "-Wl,-r",
    "--r",
    "-ll",
    "",
]
VARIANTS = [*SPELLINGS, *(s + "=v" for s in SPELLINGS), *(s + "v" for s in SPELLINGS), *TRAPS]
BATCHES = [VARIANTS[start : start + BATCH] for start in range(0, len(VARIANTS), BATCH)]


def inputs_of_lld(lld: str, words: list[str]) -> list[str]:
    """The inputs that a real linker sees, from what --reproduce writes down."""
    with tempfile.TemporaryDirectory() as directory:
        line = [*WASM_LDS[lld], "--error-limit=0", *words, "--reproduce=r.tar", "--error-limit=0"]
        subprocess.run(line, capture_output=True, check=False, cwd=directory)
        with tarfile.open(Path(directory, "r.tar"), ignore_zeros=True) as archive:
            member = archive.extractfile("r/response.txt")
            assert member
            rows = member.read().decode().splitlines()
        prefix = directory.lstrip("/") + "/"
    return [row.removeprefix(prefix) for row in rows if row.startswith(prefix)]


def inputs_of_ldshim(words: list[str]) -> list[str]:
    return [given.path for given in parse(words).inputs]


def with_probes(words: list[str]) -> list[str]:
    return [part for index, word in enumerate(words) for part in (word, f"probe{index}")]


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: batch[0])
def test_lld_and_parse_agree_which_words_are_inputs(batch: list[str]) -> None:
    words = with_probes(batch)
    assert inputs_of_ldshim(words) == inputs_of_lld("22", words)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words=st.lists(st.one_of(st.sampled_from(VARIANTS), st.sampled_from(["a", "b.o"])), max_size=BATCH))
def test_they_agree_on_any_mixture(words: list[str]) -> None:
    # An option at the end of the line would take the test's own.
    words = [*words, "last"]
    assert inputs_of_ldshim(words) == inputs_of_lld("22", words)


@pytest.mark.parametrize("lld", ["14", "15", "16", "19", "22"])
def test_no_option_is_missing_from_the_table(lld: str) -> None:
    line = [sys.executable, str(GENERATOR), "--check", *WASM_LDS[lld]]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def options_of(*words: str) -> list[tuple[str, str]]:
    return [(name, value) for _, _, name, value in command.options(words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-export-all"], ("e", "xport-all")),
        (["-max-memory=1"], ("m", "ax-memory=1")),
        (["-lto-O2"], ("l", "to-O2")),
        (["--lto-O2"], ("lto-O", "2")),
        (["-L=d1"], ("L", "=d1")),
        (["--export-if-defined=a=b"], ("export-if-defined=", "a=b")),
        (["-allow-undefined-file", "f"], ("allow-undefined-file", "f")),
        (["--allow-undefined-file"], ("unknown", "--allow-undefined-file")),
        (["-o", "-r"], ("o", "-r")),
    ],
)
def test_the_longest_match_is_the_option(words: list[str], expected: tuple[str, str]) -> None:
    assert options_of(*words) == [expected]


def test_a_missing_argument_ends_the_line() -> None:
    assert parse(["a.o", "-r", "-o"]).output is None


def test_inputs_know_their_words_and_groups(tmp_path: Path) -> None:
    (tmp_path / "libz.a").touch()
    line = ["a.o", "--whole-archive", "-l", "z", "--start-lib", "b.o", "--no-whole-archive", "--end-lib", "-lz"]
    found = parse([*line, "-L", str(tmp_path)]).inputs
    library = f"{tmp_path}/libz.a"
    assert [(i.path, i.begin, i.end, i.whole_archive, i.in_lib_group) for i in found] == [
        ("a.o", 0, 1, False, False),
        (library, 2, 4, True, False),
        ("b.o", 5, 6, True, True),
        (library, 8, 9, False, False),
    ]


def library_of_lld(lld: str, words: list[str], cwd: Path) -> str:
    stderr = subprocess.run([*WASM_LDS[lld], *words], capture_output=True, text=True, check=False, cwd=cwd).stderr
    return stderr.rpartition("unknown file type: ")[2].strip() if "unknown file type" in stderr else ""


LIBRARY_LINES = [
    "-lq", "-L a -lq", "-lq -L b -L a", "-L a -Bdynamic -lq", "-L a -Bdynamic -Bstatic -lq", "-L a -dy -lq",
    "-L a -call_shared -dn -lq", "-L a -shared -lq", "-L a -lq -pie", "-L a -pie --no-pie -lq",
    "-L a -shared -static -lq", "-L a -shared -non_shared -lq", "-L a -lq -Bdynamic", "--library-path b --library q",
    "-library-path=b -library=q", "-L b -Bdynamic -L a -lq", "-L a -l:libq.so", "-L b -l:libq.so",
    "-L a -l :../b/libq.a", "-L a/ -l:/libq.a", "-L a -l:/libq.a", "-L= -l:a/libq.a", "-L a -l:q", "-L none -lq",
    "-La -lq", "-L=a -lq", "-L b/ -lq", "-L a//  -lq", "-L a -lnone",
]  # fmt: skip


@pytest.mark.parametrize("lld", ["19", "22", "zig"])
@pytest.mark.parametrize("line", LIBRARY_LINES)
def test_libraries_are_the_files_that_lld_takes(line: str, lld: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/libq.a", "a/libq.so", "b/libq.a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no object")
    monkeypatch.chdir(tmp_path)
    expected = library_of_lld(lld, line.split(), tmp_path)
    assert "".join(given.path for given in parse(line.split()).inputs) == expected


UNDEFINED_OBJECT = """\
.functype _start () -> ()
.globl _start
_start:
.functype _start () -> ()
i32.const missing
drop
end_function
"""
UNDEFINED_LINES = [
    "", "--allow-undefined", "-allow-undefined", "--import-undefined", "--unresolved-symbols=ignore-all",
    "-unresolved-symbols ignore-all", "--unresolved-symbols=report-all",
    "--unresolved-symbols=ignore-all --unresolved-symbols=report-all", "--warn-unresolved-symbols",
    "--warn-unresolved-symbols --error-unresolved-symbols", "--error-unresolved-symbols --warn-unresolved-symbols",
    "--warn-unresolved-symbols --unresolved-symbols=report-all", "--allow-undefined --unresolved-symbols=report-all",
    "--allow-undefined-file=names", "-allow-undefined-file names", "--no-gc-sections",
]  # fmt: skip


@pytest.fixture(scope="module")
def undefined_object(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("undefined")
    (directory / "x.s").write_text(UNDEFINED_OBJECT)
    line = ["llvm-mc-22", "--triple=wasm32", "--filetype=obj", "x.s", "-o", "x.o"]
    subprocess.run(line, check=True, cwd=directory)
    (directory / "names").write_text("missing\n")
    return directory


@pytest.mark.parametrize("lld", ["14", "22"])
@pytest.mark.parametrize("line", UNDEFINED_LINES)
def test_undefined_data_is_allowed_where_lld_allows_it(line: str, lld: str, undefined_object: Path) -> None:
    words = ["x.o", *line.split(), "-o", "/dev/null"]
    done = subprocess.run([*WASM_LDS[lld], *words], capture_output=True, text=True, check=False, cwd=undefined_object)
    assert parse(words).allow_undefined == (done.returncode == 0), done.stderr


def test_the_last_of_contrary_options_counts() -> None:
    assert parse(["-r"]).gc_sections is False
    assert parse(["-r", "--gc-sections"]).gc_sections is True
    assert parse(["--no-gc-sections", "-gc-sections"]).gc_sections is True
    assert parse(["-gc-sections", "-no-gc-sections"]).gc_sections is False
    assert parse(["-pie", "-no-pie"]).pic is False
    assert parse(["-no-pie", "-pie"]).pic is True
    assert parse(["-shared", "-no-pie"]).pic is True
    assert parse(["-m", "wasm64", "-mwasm32"]).wasm64 is False
    assert parse(["-m", "wasm32", "-mwasm64"]).wasm64 is True
    assert parse(["-o", "a", "-ob"]).output == "b"
    assert parse(["--color-diagnostics=auto", "-no-color-diagnostics"]).color == "never"
    assert parse(["--color-diagnostics"]).color == "always"
    assert parse(["--reproduce", "a", "--reproduce=b"]).reproduce == "b"


def test_symbols_that_are_asked_for() -> None:
    line = [
        "--export=a",
        "-export",
        "b",
        "--export-if-defined=c",
        "--export-if-defined",
        "d",
        "-u",
        "e",
        "-undefined=f",
    ]
    parsed = parse([*line, "-ug", "--export-all", "-export-dynamic"])
    assert [(e.name, e.begin, e.end) for e in parsed.exports] == [("a", 0, 1), ("b", 1, 3), ("c", 3, 4), ("d", 4, 6)]
    assert parsed.required == ["e", "f", "g"]


def test_files_into_which_lld_writes_paths() -> None:
    parsed = parse(["-Map", "a", "--Map=b", "--why-extract=c"])
    assert (sorted(parsed.reports), parsed.writes_paths_to_stdout) == (["b", "c"], False)
    parsed = parse(["-Map=a", "-M"])
    assert (parsed.reports, parsed.writes_paths_to_stdout) == ([], True)
    assert parse(["--why-extract=-"]).writes_paths_to_stdout


def test_version_and_help_link_nothing() -> None:
    lines = (["-v"], ["-V"], ["-v", "a.o"], ["--version", "a.o"], ["-o", "-v"])
    assert [parse(line).prints_version for line in lines] == [True, True, False, True, False]
    assert parse(["-help"]).prints_help
    assert not parse(["-h"]).prints_help


def test_own_options_are_taken_off() -> None:
    parsed = parse(["-flavor", "WASM", "a.o", "--ldshim-linker", "x", "-o", "--ldshim-linker=y"])
    assert parsed.argv == parsed.words == ["a.o", "-o", "--ldshim-linker=y"]
    assert (parsed.linker, parsed.output) == ("x", "--ldshim-linker=y")
    assert parse(["--ldshim-linker=x", "--ldshim-linker=y"]).linker == "y"


@pytest.mark.parametrize("content", ["b.o", "b.o --ldshim-linker=y"])
def test_response_files_are_handed_over_unless_they_hold_own_options(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r").write_text(content)
    monkeypatch.chdir(tmp_path)
    parsed = parse(["--ldshim-linker=x", "a.o", "@r"])
    assert parsed.words == ["a.o", "b.o"]
    assert parsed.argv == (["a.o", "@r"] if content == "b.o" else ["a.o", "b.o"])
    assert parsed.linker == ("x" if content == "b.o" else "y")


@pytest.mark.parametrize("word", ["--ldshim-likner=x", "--ldshim-", "--ldshim-linkerx"])
def test_an_unknown_own_option_is_named(word: str) -> None:
    with pytest.raises(LinkError, match=word):
        parse(["a.o", word])


def test_an_own_option_without_its_argument_is_named() -> None:
    with pytest.raises(LinkError, match="--ldshim-linker: missing argument"):
        parse(["--ldshim-linker"])


@pytest.mark.parametrize("words", [["-flavor"], ["-flavor", "gnu"]])
def test_another_flavor_is_refused(words: list[str]) -> None:
    with pytest.raises(LinkError, match="flavor"):
        parse(words)


def test_a_rewritten_line_keeps_what_is_not_touched() -> None:
    line = ["-o", "a.wasm", "--export=m", "a.o", "", "-z", "a.o", "--export", "n", "b.o", "--unknown", "c.o"]
    parsed = parse(line)
    exports, inputs = parsed.exports, parsed.inputs
    assert parsed.rewritten({}) == line
    changed = parsed.rewritten({inputs[1].begin: ["x", "y"]}, first=["f"], drop=[exports[1].begin])
    assert changed == ["-o", "a.wasm", "--export=m", "f", "a.o", "", "-z", "a.o", "x", "y", "--unknown", "c.o"]
    assert parsed.rewritten({inputs[0].begin: ["x"]}, first=["f"])[3:5] == ["f", "x"]


def test_what_goes_first_is_not_optional() -> None:
    line = ["-r", "--start-lib", "a.o", "--end-lib"]
    assert parse(line).rewritten({2: ["x"]}, first=["f"]) == ["-r", "f", "--start-lib", "x", "--end-lib"]
    assert parse(["-r"]).rewritten({}, first=["f"]) == ["-r", "f"]
