"""Modules, as they are measured: how long they are without what only tools read, and how much fuel they burn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import wasmtime

if TYPE_CHECKING:
    from pathlib import Path

HEADER_SIZE = 8
CUSTOM = 0
PLENTY = 1 << 62


def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.consume_fuel = True
    # Fuel counts instructions of the module: how well they are compiled changes nothing.
    config.cranelift_opt_level = "none"
    return wasmtime.Engine(config)


ENGINE = _engine()


class Instance:
    """An instance with enough fuel for anything."""

    def __init__(self, path: Path) -> None:
        self.module = wasmtime.Module.from_file(ENGINE, str(path))
        self.store = wasmtime.Store(ENGINE)
        self.store.set_fuel(PLENTY)
        self.instance = wasmtime.Instance(self.store, self.module, [])
        self.fuel_of_start = PLENTY - self.store.get_fuel()

    def call(self, name: str, *arguments: int) -> tuple[int, int]:
        """What an export returns, and the fuel that it takes."""
        function = self.instance.exports(self.store)[name]
        assert isinstance(function, wasmtime.Func)
        before = self.store.get_fuel()
        result = function(self.store, *arguments)
        return result, before - self.store.get_fuel()

    def has(self, name: str) -> bool:
        return any(export.name == name for export in self.module.exports)


def answers(path: Path) -> list[int]:
    """What the exports `count` and `sum` return, where there are any."""
    instance = Instance(path)
    return [instance.call(name)[0] for name in ("count", "sum") if instance.has(name)]


def stripped_size(path: Path) -> int:
    """The bytes of a module without its custom sections."""
    data = path.read_bytes()
    size = position = HEADER_SIZE
    while position < len(data):
        kind = data[position]
        length, content = _unsigned(data, position + 1)
        if kind != CUSTOM:
            size += content + length - position
        position = content + length
    return size


def _unsigned(data: bytes, position: int) -> tuple[int, int]:
    """A LEB128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


@dataclass
class Fuel:
    """What an instance burns."""

    start: int
    first: int
    second: int
    get: int
    result: list[int]


def fuel(path: Path, index: int) -> Fuel:
    """Start, iterate twice, and get the element at `index`."""
    instance = Instance(path)
    start = instance.fuel_of_start
    if instance.has("_initialize"):
        start += instance.call("_initialize")[1]
    sum_, first = instance.call("sum")
    again, second = instance.call("sum")
    _, get = instance.call("get", index)
    count, _ = instance.call("count")
    return Fuel(start, first, second, get, [count, sum_, again])
