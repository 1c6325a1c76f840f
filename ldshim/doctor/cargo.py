"""What cargo is told of a target: in its configuration files and in the environment, in the order in which one overrides the other.

https://doc.rust-lang.org/cargo/reference/config.html
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass

from ldshim import linker
from ldshim.init import rustflags
from ldshim.init.config import get, settings
from ldshim.init.linkers import _is_wasm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from typing import Any

    from ldshim.init.config import Config

ENCODED = "CARGO_ENCODED_RUSTFLAGS"
_SEPARATOR = "\x1f"
_SHOWN_VARIABLES = re.compile(
    r"RUSTFLAGS|CARGO_ENCODED_RUSTFLAGS|CARGO_BUILD_(RUSTFLAGS|TARGET|RUSTC)|CARGO_TARGET_WASM.*_(LINKER|RUSTFLAGS)|CARGO_HOME"
    r"|CARGO_PROFILE_.*_LTO|CARGO_UNSTABLE_BUILD_STD|RUSTC|CARGO"
)


@dataclass
class Setting:
    """A value, and what sets it: an environment variable, or a key of a file."""

    value: Any
    variable: str = ""
    config: Config | None = None
    keys: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        return self.config.path if self.config else self.variable

    @property
    def base(self) -> str:
        """Where a relative path starts."""
        return self.config.base if self.config else os.curdir


@dataclass
class Flags:
    """The rustflags of a target, in order, and the setting of each."""

    words: list[str]
    settings: list[Setting]


class Cargo:
    """The configuration that is in force; `installed` are the wasm targets that rustc has a std for."""

    def __init__(self, configs: list[Config], installed: Iterable[str]) -> None:
        self.configs = configs
        self.installed = installed
        self.cfgs: dict[str, set[str]] = {}  # what rustc says of a target, if it has been asked

    def linkers(self, target: str) -> list[Setting]:
        """All settings of the target's linker; the first counts."""
        found = _of_variable(_variable(target, "LINKER"))
        for name in ("", *self._matching(target)):
            keys = ("target", name or target, "linker")
            found += [Setting(value, config=config, keys=keys) for config, value in settings(self.configs, *keys)]
        return found

    def flags(self, target: str) -> Flags:
        """The flags that cargo gives rustc for a target: of four places the first that has some."""
        for setting in _of_variable(ENCODED):
            return Flags(setting.value.split(_SEPARATOR), [setting] * len(setting.value.split(_SEPARATOR)))
        own = [("target", target, "rustflags"), *(("target", name, "rustflags") for name in self._matching(target))]
        ways = (
            _of_variable("RUSTFLAGS"),
            [*(setting for keys in own for setting in self._joined(keys)), *_of_variable(_variable(target, "RUSTFLAGS"))],
            [*self._joined(("build", "rustflags")), *_of_variable("CARGO_BUILD_RUSTFLAGS")],
        )
        for found in ways:
            pairs = [(word, setting) for setting in found for word in rustflags.as_list(setting.value)]
            if pairs:
                return Flags([word for word, _ in pairs], [setting for _, setting in pairs])
        return Flags([], [])

    def _joined(self, keys: tuple[str, ...]) -> list[Setting]:
        # cargo puts what counts more last.
        return [Setting(value, config=config, keys=keys) for config, value in reversed(settings(self.configs, *keys))]

    def has_cfgs(self) -> bool:
        return bool(self._cfgs())

    def _cfgs(self) -> list[str]:
        names = [name for config in self.configs for name in _table(config, "target") if name.startswith("cfg(")]
        return list(dict.fromkeys(names))

    def _matching(self, target: str) -> list[str]:
        facts = self.cfgs.get(target)
        return [name for name in self._cfgs() if cfg_holds(name, facts)] if facts else []

    def wanted_targets(self) -> list[str]:
        """The wasm targets that are built if nothing else is said."""
        values: list[Any] = [os.environ.get("CARGO_BUILD_TARGET")]
        if not values[0]:
            first = settings(self.configs, "build", "target")[:1]
            values = [item for _, value in first for item in (value if isinstance(value, list) else [value])]
        return [value for value in dict.fromkeys(values) if isinstance(value, str) and _is_wasm(value)]

    def named_targets(self) -> list[str]:
        """The wasm targets that something is set for by name; without any, those that a `cfg(…)` or a variable gives a linker."""
        tables = [name for config in self.configs for name in _table(config, "target") if _is_wasm(name)]
        named = list(dict.fromkeys([*self.wanted_targets(), *tables]))
        return named or [target for target in self.installed if self.linkers(target)]

    def targets_with_linker_lto(self) -> list[str]:
        """The targets whose linker gets bitcode."""
        return [target for target in self.named_targets() if _is_on(of_codegen(self.flags(target), "linker-plugin-lto"))]

    def builds_std(self) -> bool:
        values = [value for _, value in settings(self.configs, "unstable", "build-std")]
        return any(values) or bool(os.environ.get("CARGO_UNSTABLE_BUILD_STD"))


def variables() -> dict[str, str]:
    """The variables that are set and change what cargo does here."""
    return {name: value for name, value in sorted(os.environ.items()) if _SHOWN_VARIABLES.fullmatch(name)}


def _variable(target: str, what: str) -> str:
    return f"CARGO_TARGET_{re.sub('[-.]', '_', target.upper())}_{what}"


def _of_variable(name: str) -> list[Setting]:
    return [Setting(os.environ[name], variable=name)] if os.environ.get(name) else []


def _table(config: Config, key: str) -> dict[str, Any]:
    table = get(config.data, (key,))
    return table if isinstance(table, dict) else {}


def cfg_holds(expression: str, facts: Container[str]) -> bool:
    """Whether a `cfg(…)` is true of a target; one that is not understood is not."""
    tokens = [re.sub(r"\s", "", token) for token in re.findall(r'\w+\s*=\s*"[^"]*"|\w+|[(),]', expression)]
    tokens.reverse()
    try:
        return _holds(tokens, facts)
    except IndexError:
        return False


def _holds(tokens: list[str], facts: Container[str]) -> bool:
    """Take one expression from the end of the reversed tokens."""
    name = tokens.pop()
    if not tokens or tokens[-1] != "(":
        return name in facts
    values = []
    while tokens.pop() != ")":
        if tokens[-1] != ")":
            values.append(_holds(tokens, facts))
    if name == "not":
        return not any(values)
    return any(values) if name == "any" else all(values)


def of_codegen(flags: Flags, option: str) -> list[tuple[int, str]]:
    """The values of `-C option=…`, or empty ones of `-C option`, with the positions of the words that have them."""
    found = []
    for at, word in enumerate(flags.words):
        before = flags.words[at - 1] if at else ""
        text = word if before in ("-C", "--codegen") else re.sub(r"^(-C|--codegen=)", "", word)
        if text == word and before not in ("-C", "--codegen"):
            continue
        name, _, value = text.partition("=")
        if name.replace("_", "-") == option:
            found.append((at, value))
    return found


def _is_on(values: list[tuple[int, str]]) -> bool:
    # Its value may be the path of a plugin.
    return bool(values) and values[-1][1] not in ("n", "no", "off", "false")


def program_of(setting: Setting) -> str | None:
    """The program that cargo runs for this value; None if there is none."""
    value = setting.value
    if not isinstance(value, str) or not value:
        return None
    return shutil.which(os.path.join(setting.base, value) if "/" in value or os.sep in value else value)


def is_ldshim(path: str | None, own: str | None) -> bool:
    """Whether a program is ldshim, this one or another, or a script that calls one."""
    if path is None:
        return False
    return linker._is_ldshim(path, b"ldshim") or (own is not None and os.path.realpath(path) == os.path.realpath(own))  # noqa: SLF001
