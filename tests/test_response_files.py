from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ldshim import command
from tests.linkers import WASM_LDS

ERROR = b": error: cannot open "
END = re.compile(rb": (?:No such file|Is a directory|Not a directory|File name too long)")
# Plenty of the bytes that are special to a tokenizer; none that makes a word an option, a path or a message.
CONTENTS = st.lists(st.sampled_from([*b"ab \t\r\n'\"\\\\\\\v\f\0", 0xC3, 0xA9]), max_size=30).map(bytes)
WORDS = st.text(st.sampled_from("ab \t\r\n'\"\\\v\f#=;é\udcff\udcfe\ufeff"), min_size=1, max_size=8)
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def words_of_lld(lld: str, *args: str, files: dict[str, bytes]) -> list[str]:
    """The words that a real linker takes for inputs, none of which exists."""
    with tempfile.TemporaryDirectory() as directory:
        for name, content in files.items():
            Path(directory, name).write_bytes(content)
        line = [*WASM_LDS[lld], "--error-limit=0", *args]
        stderr = subprocess.run(line, capture_output=True, check=False, cwd=directory).stderr
    return [os.fsdecode(END.split(part)[0]) for part in stderr.split(ERROR)[1:]]


def words_of_ldshim(*args: str, files: dict[str, bytes]) -> list[str]:
    """The same from `parse`: lld ignores empty words, and so does its list of inputs."""
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        for name, content in files.items():
            Path(name).write_bytes(content)
        return [given.path for given in command.parse(list(args)).inputs]


@pytest.mark.parametrize("lld", ["14", "22"])
@few
@given(content=CONTENTS)
@example(content=b"'a b\\")
@example(content=b"'a\\'")
@example(content=b'"a\\\\" b\\')
@example(content=b"a'' '' b")
def test_posix_files_are_split_as_lld_splits_them(lld: str, content: bytes) -> None:
    files = {"r": content}
    assert words_of_ldshim("@r", files=files) == words_of_lld(lld, "@r", files=files)


# lld 14 loses a word whose quote is never closed.
@pytest.mark.parametrize("lld", ["15", "22"])
@few
@given(content=CONTENTS)
@example(content=b'a\\\\"b c"" d"\\\\\\" ""')
@example(content=b'"a')
def test_windows_files_are_split_as_lld_splits_them(lld: str, content: bytes) -> None:
    files = {"r": content}
    args = ("--rsp-quoting=windows", "@r")
    assert words_of_ldshim(*args, files=files) == words_of_lld(lld, *args, files=files)


@given(words=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=()), min_size=1)))
def test_what_is_quoted_is_read_back(words: list[str]) -> None:
    words = [word for word in words if not any(0xD800 <= ord(c) < 0xDC80 or 0xDCFF < ord(c) < 0xE000 for c in word)]
    data = os.fsencode(command.quote_response_file(words))
    assert [os.fsencode(word) for word in words] == command.tokenize_posix(data)


@pytest.mark.parametrize("lld", ["14", "22", "zig"])
@few
@given(words=st.lists(WORDS, max_size=6))
@example(words=["\ufeffa"])
@example(words=["\udcff\udcfe", "a"])
def test_lld_reads_back_what_is_quoted(lld: str, words: list[str]) -> None:
    data = os.fsencode(command.quote_response_file(words))
    assert words_of_lld(lld, "@r", files={"r": data}) == words


def test_an_empty_word_cannot_be_quoted() -> None:
    with pytest.raises(ValueError, match="empty"):
        command.quote_response_file(["a", ""])


NESTED = {"r": b"b @s @none c", "s": b"d @t", "t": b"e f"}
CASES: dict[str, tuple[list[str], dict[str, bytes]]] = {
    "nested": (["a", "@r", "g"], NESTED),
    "twice, one after the other": (["@s", "@s"], NESTED),
    "missing": (["@none", "@none/r", "@@"], {}),
    "empty": (["@r", "a"], {"r": b""}),
    "utf-8 mark": (["@r"], {"r": b"\xef\xbb\xbfa b"}),
    "utf-16 little endian": (["@r"], {"r": "\ufeffa é".encode("utf-16-le")}),
    "utf-16 big endian": (["@r"], {"r": "\ufeffa é".encode("utf-16-be")}),
    "as the value of an option": (["-L", "@r", "c"], {"r": b"a b"}),
    "quoting after the file": (["@r", "--rsp-quoting", "windows"], {"r": b"a\\b"}),
    "the last quoting counts": (["--rsp-quoting=windows", "@r", "-rsp-quoting=posix"], {"r": b"a\\b"}),
    "quoting as a value": (["-L", "--rsp-quoting=windows", "@r"], {"r": b"a\\b"}),
    "quoting in the file": (["@r"], {"r": b"--rsp-quoting=windows a\\b"}),
    "windows, nested": (["--rsp-quoting=windows", "@r"], {"r": b"a\\b @s", "s": b"'c d'"}),
}


@pytest.mark.parametrize("name", CASES)
def test_response_files_are_found_where_lld_finds_them(name: str) -> None:
    args, files = CASES[name]
    expected = words_of_lld("22", *args, files=files)
    assert expected
    assert words_of_ldshim(*args, files=files) == expected


def test_nested_names_are_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "r").write_text("@s")
    (tmp_path / "d" / "s").write_text("wrong")
    (tmp_path / "s").write_text("right")
    monkeypatch.chdir(tmp_path)
    assert command.expand_response_files(["@d/r"]) == ["right"]


BAD: dict[str, tuple[list[str], dict[str, bytes]]] = {
    "itself": (["a", "@r", "@s"], {"r": b"b @s @r c @s", "s": b"d"}),
    "each other": (["@r", "@s"], {"r": b"@s a", "s": b"b @r"}),
    "odd utf-16": (["@r", "@s"], {"r": b"\xff\xfea", "s": b"b"}),
    "surrogate in utf-16": (["@r", "@s"], {"r": b"\xff\xfe\x00\xd8", "s": b"b"}),
    "directory": (["@.", "@s"], {"s": b"b"}),
    "nothing": (["@", "@s"], {"s": b"b"}),
    "file as a directory": (["@s/r", "@s"], {"s": b"b"}),
    "long": (["@" + 300 * "l", "@s"], {"s": b"b"}),
}


@pytest.mark.parametrize("name", BAD)
def test_no_file_is_expanded_behind_one_that_lld_refuses(name: str) -> None:
    args, files = BAD[name]
    expected = words_of_lld("22", "x.o", *args, files=files)
    assert "@s" in expected
    assert words_of_ldshim("x.o", *args, files=files) == expected
