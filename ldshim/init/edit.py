"""Editing TOML text, and nothing but what is to be edited.

An edit adds text, or is tomlkit's where the key's table is spelled in a way that text cannot be added to.  Whatever made it,
the result has to parse to exactly the data that were there and the wanted value; else the user is told what to do by hand.
"""

# ruff: noqa: ANN401 - what stands in TOML may be anything

from __future__ import annotations

import re
from dataclasses import dataclass

import tomlkit
from tomlkit.items import InlineTable

from ldshim.init.config import get, loads
from ldshim.init.files import InitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ldshim.init.config import Config

    Keys = Sequence[str]

COMMENT = "# Written by `ldshim init`; `ldshim init --undo` takes it out.\n"


@dataclass
class Change:
    """A key that was set."""

    keys: Keys
    before: Any  # None if it was not there
    after: Any
    block: str  # the text that was added for it, if that is one piece
    there: int  # how many of the keys, from the outermost on, were there


class Edits:
    """The changes of the configuration file, made one after the other, and what there is to say about them."""

    __slots__ = ("_config", "changes", "notes", "text")

    def __init__(self, config: Config) -> None:
        self._config = config
        self.text = config.text
        self.changes: list[Change] = []
        self.notes: list[str] = []

    def set(self, keys: Keys, value: Any) -> None:
        data = self._config.data
        self.text, block = with_value(self._config.path, self.text, keys, value)
        there = sum(get(data, keys[:n]) is not None for n in range(1, len(keys) + 1))
        self.changes.append(Change(keys, get(data, keys), value, block, there))


def with_value(path: str, text: str, keys: Keys, value: Any) -> tuple[str, str]:
    """Set a key; returns the new text, and the piece of it that is new if that is one piece."""
    by_tomlkit, wanted = _edited(text, lambda document: _assign(document, keys, value))
    for block, new in [*_ways_to_add(text, keys, value), ("", by_tomlkit)]:
        if parses_to(new, wanted):
            return new, block
    wish = f"{'.'.join(keys)} = {_spell(value)}"
    raise InitError(f"{path}: cannot set this without changing what is around it: please do it by hand\n  {wish}")


def _ways_to_add(text: str, keys: Keys, value: Any) -> Iterator[tuple[str, str]]:
    data = loads(text)
    line = f"{keys[-1]} = {_spell(value)}\n"
    if get(data, keys[:-1]) is None:
        comment = COMMENT if COMMENT not in text else ""
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        block = f"{gap}{comment}[{'.'.join(keys[:-1])}]\n{line}"
        yield block, text + block
    elif get(data, keys) is None:
        for end in _ends_of_headers(text, keys[:-1]):
            start = text[:end] + ("" if text[:end].endswith("\n") else "\n")
            yield line, start + line + text[end:]


def _ends_of_headers(text: str, keys: Keys) -> Iterator[int]:
    """Find where the lines end that look like the header of this table; one may be in a string."""
    for found in re.finditer(r"^[ \t]*\[[^\[\n].*\n?", text, re.MULTILINE):
        try:
            header = loads(found[0])
        except ValueError:
            continue
        if get(header, keys) == {}:
            yield found.end()


def without_change(text: str, change: Change, old: Any) -> str | None:
    """Give the key its old value, or remove it if that is None; None if that cannot be done."""
    return next((new for new, wanted in _ways_to_restore(text, change, old) if parses_to(new, wanted)), None)


def _ways_to_restore(text: str, change: Change, old: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if old is not None:
        yield _edited(text, lambda document: _assign(document, change.keys, old))
        return
    by_tomlkit, wanted = _edited(text, lambda document: _remove(document, change.keys, change.there))
    for piece in (change.block, change.block.lstrip("\n")):
        if piece and text.count(piece) == 1:
            yield text.replace(piece, ""), wanted
    yield by_tomlkit, wanted
    # A table that is empty but for comments stays.
    yield _edited(text, lambda document: _remove(document, change.keys, len(change.keys)))


def _edited(text: str, edit: Callable[[Any], None]) -> tuple[str, dict[str, Any]]:
    """Edit by tomlkit; returns the new text, which may be wrong, and the data that it should parse to."""
    wanted = loads(text)
    edit(wanted)
    return _with_tomlkit(text, edit), wanted


def _with_tomlkit(text: str, edit: Callable[[Any], None]) -> str:
    try:
        document = tomlkit.parse(text)
        edit(document)
        return tomlkit.dumps(document)
    except Exception:  # noqa: BLE001 - on rare spellings it fails in many ways; all mean that it cannot
        return text


def _assign(container: Any, keys: Keys, value: Any) -> None:
    """Set a key of plain data or of a tomlkit document."""
    for key in keys[:-1]:
        container = container.setdefault(key, {})
    there = container.get(keys[-1])
    if isinstance(there, dict) and isinstance(value, dict) and not isinstance(there, InlineTable):
        for key in [key for key in there if key not in value]:
            del there[key]
        there.update(value)
    else:
        container[keys[-1]] = value if type(container) is dict else _item(value)


def _remove(container: Any, keys: Keys, keep: int) -> None:
    """Remove a key, and the tables around it that are empty then, but for the outermost `keep`."""
    around = [container]
    for key in keys[:-1]:
        around.append(around[-1][key])
    del around[-1][keys[-1]]
    for depth in range(len(keys) - 1, keep, -1):
        if around[depth] or "#" in getattr(around[depth], "as_string", str)():
            return
        del around[depth - 1][keys[depth - 1]]


def _item(value: Any) -> Any:
    if not isinstance(value, dict):
        return tomlkit.item(value)
    table = tomlkit.inline_table()
    table.update(value)
    return table


def _spell(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_spell(item)}" for key, item in value.items()) + " }"
    return str(_item(value).as_string())


def parses_to(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return loads(text) == wanted
    except ValueError:
        return False
