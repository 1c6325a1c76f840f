"""TOML, and the files in which cargo's configuration stands: found and read as cargo does."""

# ruff: noqa: ANN401 - what stands in TOML may be anything

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field

from ldshim.init.files import InitError, read, upwards

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomlkit
    import tomlkit.exceptions


@dataclass
class Config:
    """A cargo configuration file.  `text` has LF line ends and no byte order mark; `encode` puts back what it had."""

    path: str
    raw: bytes | None  # None if there is no such file
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """The folder that it is the configuration of, in which its relative paths start."""
        return os.path.dirname(os.path.dirname(self.path))

    def encode(self, text: str) -> bytes:
        raw = self.raw or b""
        if _has_crlf(raw):
            text = text.replace("\n", "\r\n")
        return (b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b"") + text.encode()


def configs_in_force(folder: str) -> list[Config]:
    """Read the files that cargo reads in this folder; each overrides those that follow."""
    places = [os.path.join(place, ".cargo") for place in upwards(folder)]
    home = os.environ.get("CARGO_HOME") or os.path.join(os.path.expanduser("~"), ".cargo")
    if home not in places:
        places.append(home)
    return [config for config in map(_config_in, places) if config.raw is not None]


def config_of(root: str) -> Config:
    """Read the file that cargo takes the project's own configuration from, or will."""
    return _config_in(os.path.join(root, ".cargo"))


def _config_in(place: str) -> Config:
    # Of two files cargo takes the old name's.
    old = os.path.join(place, "config")
    path = old if os.path.isfile(old) else os.path.join(place, "config.toml")
    raw = read(path)
    if raw is None:
        return Config(path, None)
    text = _decode(path, raw)
    if _has_crlf(raw):
        text = text.replace("\r\n", "\n")
    return Config(path, raw, text, _parse(path, text))


def _has_crlf(raw: bytes) -> bool:
    """Whether all lines end with CR LF.  Where they are mixed, each stays as it is."""
    return 0 < raw.count(b"\n") == raw.count(b"\r\n")


def settings(configs: Iterable[Config], *keys: str) -> list[tuple[Config, Any]]:
    """Find the files that set a key, and to which values; the one that counts first."""
    found = [(config, get(config.data, keys)) for config in configs]
    return [(config, value) for config, value in found if value is not None]


def get(data: Any, keys: Sequence[str]) -> Any:
    """Find the value of a key; None if it is not there."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def load_toml(path: str) -> dict[str, Any]:
    """Read a TOML file; empty if there is none."""
    return _parse(path, _decode(path, read(path) or b""))


def _decode(path: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InitError(f"{path}, line {line}: not UTF-8, which TOML has to be") from None


def _parse(path: str, text: str) -> dict[str, Any]:
    try:
        return loads(text)
    except ValueError as error:
        message = f"{path} is not valid TOML: {error}"
        found = re.search(r"line (\d+)", str(error))
        if found:
            message += "\n  " + [*text.split("\n"), ""][int(found[1]) - 1].strip()
        raise InitError(message) from None


def loads(text: str) -> dict[str, Any]:
    """Parse TOML; raises `ValueError` where it is none."""
    if sys.version_info >= (3, 11):
        return tomllib.loads(text)
    try:
        return tomlkit.parse(text).unwrap()
    except tomlkit.exceptions.TOMLKitError as error:  # not all of them are what tomllib raises
        raise ValueError(error) from None


def as_text(path: str) -> str:
    """The path, which is to stand in TOML."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InitError(f"{path}: this path is not UTF-8 and cannot stand in TOML") from None
    return path
