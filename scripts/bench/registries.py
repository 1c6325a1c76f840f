"""Registries at run time: modules of several kinds and sizes, their bytes and their fuel."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import modules
from inputs import FLAGS
from tools import INCLUDE, LINKME, ROOT, RUST, WASM, Failed, TooSlow, find, output

if TYPE_CHECKING:
    from typing import Any

    from tools import Tools

PROGRAM = Path(__file__).parent / "programs" / "words"
COUNTS = (0, 10, 1_000, 100_000)
UNREAD = 1_000
MODULE = 1_000
ARRAY = "array"
RUST_METHODS = {
    ARRAY: "static array",
    "slice": "static array, as a slice",
    "linkme": "linkme, with ldshim",
    "inventory": "inventory",
    "link-section": "link-section",
}
C_METHODS = {ARRAY: "static array", "ldshim.h": "ldshim.h"}
WITHOUT_CALLS = ("linkme", "ldshim.h")  # whose registrations are data, and cost nothing at start-up

C_PROGRAM = """
struct word {{ const char *text; unsigned value; }};
#define COUNT {count}
#ifdef ARRAY
static const struct word words[] = {{
{array}}};
#define BEGIN words
#define END (words + COUNT)
#else
#include <ldshim.h>
LDSHIM_SECTION(words, const struct word);
LDSHIM_MAY_BE_EMPTY(words);
{elements}
#define BEGIN LDSHIM_BEGIN(words)
#define END LDSHIM_END(words)
#endif
#define EXPORT(name) __attribute__((export_name(#name))) unsigned name
#ifdef UNREAD
EXPORT(seven)(void) {{ return 7; }}
#else
EXPORT(sum)(void)
{{
    unsigned sum = 0;
    for (const struct word *it = BEGIN, *end = END; it < end; it++) {{
        const struct word *word = it;
        __asm__("" : "+r"(word));
        sum += word->value + (unsigned char)*word->text;
    }}
    return sum;
}}
EXPORT(get)(unsigned index) {{ return index < (unsigned)(END - BEGIN) ? BEGIN[index].value : ~0u; }}
EXPORT(count)(void) {{ return END - BEGIN; }}
#endif
"""

Variant = tuple[str, int, bool, bool]


@dataclass(frozen=True)
class Kind:
    """One module to build."""

    language: str
    method: str
    count: int
    lto: bool
    unread: bool = False

    @property
    def name(self) -> str:
        return f"{self.language}-{self.method}-{self.count}{'-lto' if self.lto else ''}{'-unread' if self.unread else ''}"


class Registries:
    """Builds modules, and remembers them by what they are made from."""

    def __init__(self, tools: Tools, seconds: float) -> None:
        self.tools = tools
        self.seconds = seconds  # that a build may take
        self.slow: set[tuple[str, int]] = set()
        self.folder = tools.work / "runtime"
        self.folder.mkdir(exist_ok=True)
        self.wasm_opt = find_wasm_opt()
        self.rustc = output([str(RUST / "bin" / "rustc"), "-V"]).strip()
        self.clang = find("clang-22")

    def row(self, kind: Kind, *, optimized: bool) -> dict[str, Any]:
        """What is known of a module; "why" says why nothing is."""
        row: dict[str, Any] = {
            "language": kind.language,
            "method": kind.method,
            "count": kind.count,
            "lto": kind.lto,
            "wasm_opt": optimized,
            "unread": kind.unread,
        }
        try:
            module, seconds = self.module(kind)
        except Failed as why:
            return {**row, "why": self._why(why)}
        if optimized:
            module = self._optimized(module)
        row |= {"bytes": modules.stripped_size(module), "build_seconds": round(seconds, 1)}
        if not kind.unread:
            fuel = modules.fuel(module, kind.count * 9 // 10)
            if fuel.result[0] != kind.count or fuel.result[1] != fuel.result[2]:
                return {**row, "why": f"count and sums are {fuel.result}"}
            row |= {"start": fuel.start, "first": fuel.first, "second": fuel.second, "get": fuel.get, "sum": fuel.result[1]}
        return row

    def module(self, kind: Kind) -> tuple[Path, float]:
        """The module, and the seconds that it took to build when it was built."""
        folder = self.folder / "modules" / kind.name
        stamp = folder / "stamp"
        digest = self._digest(kind)
        if stamp.exists():
            known, what = stamp.read_text().split("\n", 1)
            # A limit that was too short is worth another try only if it has grown.
            if known == digest and not (what.startswith("slow ") and float(what.split()[1]) < self.seconds):
                if what.startswith("slow "):
                    self.slow.add((kind.method, kind.count))
                    raise TooSlow(f"takes more than {what.split()[1]} s")
                return folder / "module.wasm", float(what)
        folder.mkdir(parents=True, exist_ok=True)
        if (kind.method, kind.count) in self.slow:
            raise TooSlow("not tried: too slow without LTO")
        begun = time.monotonic()
        try:
            made = self._rust(kind) if kind.language == "rust" else self._c(kind)
        except TooSlow:
            self.slow.add((kind.method, kind.count))
            stamp.write_text(f"{digest}\nslow {self.seconds:.0f}")
            raise
        seconds = time.monotonic() - begun
        shutil.copy(made, folder / "module.wasm")
        stamp.write_text(f"{digest}\n{seconds}")
        return folder / "module.wasm", seconds

    def unread(self, language: str, method: str, count: int, *, lto: bool) -> dict[str, Any]:
        """How many bytes registrations leave in a module in which nothing reads them."""
        row: dict[str, Any] = {"language": language, "method": method, "count": count, "lto": lto}
        try:
            with_, _ = self.module(Kind(language, method, count, lto, unread=True))
            without, _ = self.module(Kind(language, "", 0, lto, unread=True))
        except Failed as why:
            return {**row, "why": self._why(why)}
        return {**row, "bytes": modules.stripped_size(with_) - modules.stripped_size(without)}

    def versions(self) -> dict[str, Any]:
        """Those of the crates that linkme is compared with, and of what measures."""
        text = (PROGRAM / "Cargo.toml").read_text()
        return {
            "crates": dict(re.findall(r'^([\w-]+) = \{ version = "=?([\d.]+)"', text, re.MULTILINE)),
            "wasm_opt": output([self.wasm_opt, "--version"]).split()[2],
            "wasmtime": importlib.metadata.version("wasmtime"),
        }

    def native(self, method: str, count: int, *, lto: bool) -> dict[str, Any]:
        """The same program for the machine itself, where linkme has always worked: bytes, and nanoseconds."""
        row: dict[str, Any] = {"method": method, "count": count, "lto": lto}
        try:
            project = self._project("native")
            words = [
                *self._cargo(project, method, lto=lto),
                "--features=native",
                "--bin=native",
                "--config",
                'profile.release.strip="symbols"',
            ]
            output(words, env=self.tools.environment(BENCH_WORDS=str(self._words(method, count))), cwd=project, seconds=self.seconds)
        except Failed as why:
            return {**row, "why": self._why(why)}
        program = project / "target" / "release" / "native"
        runs = [[float(number) for number in output([str(program)]).split()] for _ in range(7)]
        first, second, get = (sorted(run[column] for run in runs)[0 if column > 2 else 3] for column in (2, 3, 4))
        return {**row, "bytes": program.stat().st_size, "first": round(first), "second": round(second, 1), "get": round(get, 2)}

    def _why(self, failure: Failed) -> str:
        """Where it failed is nobody's business."""
        return str(failure).replace(str(self.tools.work), "").replace(str(ROOT), "").replace(str(Path.home()), "")

    def _words(self, method: str, count: int) -> Path:
        """The registrations, in modules of a thousand: what rustc takes for attributes grows with the square of how many a module has."""
        arrays = method in (ARRAY, "slice")
        words = [f'    WORD{i} "word-{i}" {i * 7 % 1000},\n' for i in range(count)]
        parts = [words] if arrays or count <= MODULE else [words[i : i + MODULE] for i in range(0, count, MODULE)]
        texts = [f"words! {{\n{''.join(part)}}}\n" for part in parts]
        if len(texts) > 1:
            texts = [f"mod words{i} {{\nuse super::*;\n{text}}}\n" for i, text in enumerate(texts)]
        text = f"#[allow(dead_code)]\nconst COUNT: usize = {count};\n" + "".join(texts)
        path = self.folder / f"words{count}{'-array' if arrays else ''}.rs"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        return path

    def _project(self, name: str) -> Path:
        project = self.folder / name
        for source in (PROGRAM / "Cargo.toml", *sorted((PROGRAM / "src").iterdir())):
            path = project / source.relative_to(PROGRAM)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_bytes() != source.read_bytes():
                shutil.copy(source, path)
        return project

    def _cargo(self, project: Path, method: str, *, lto: bool) -> list[str]:
        words = [str(RUST / "bin" / "cargo"), "build", "--quiet", "--release", "--features", method, f"--target-dir={project / 'target'}"]
        return [*words, "--config", 'profile.release.lto="fat"', "--config", "profile.release.codegen-units=1"] if lto else words

    def _rust(self, kind: Kind) -> Path:
        # Each of their lock files has the linkme that it is built with.
        project = self._project("wasm")
        words = [*self._cargo(project, kind.method or "unread", lto=kind.lto), "--lib", f"--target={WASM}"]
        words += ["--config", f'patch.crates-io.linkme.path="{LINKME}"', "--config", f'target.{WASM}.linker="{self.tools.ldshim}"']
        if kind.unread:
            words += ["--features=unread"]
        output(words, env=self.tools.environment(BENCH_WORDS=str(self._words(kind.method, kind.count))), cwd=project, seconds=self.seconds)
        return project / "target" / WASM / "release" / "words.wasm"

    def _c(self, kind: Kind) -> Path:
        folder = self.folder / "modules" / kind.name
        source = folder / "words.c"
        source.write_text(_c_source(kind))
        words = [self.clang, *FLAGS[:1], "-O2", f"-I{INCLUDE}", "-c", "words.c", "-o", "words.o"]
        output([*words, *(["-flto"] if kind.lto else [])], cwd=folder, seconds=self.seconds)
        env = self.tools.environment(LDSHIM_LINKER=self.tools.lld)
        output([self.tools.ldshim, "--no-entry", "words.o", "-o", "linked.wasm"], cwd=folder, env=env, seconds=self.seconds)
        return folder / "linked.wasm"

    def _optimized(self, module: Path) -> Path:
        path = module.with_suffix(".opt.wasm")
        if not path.exists() or path.stat().st_mtime < module.stat().st_mtime:
            output([self.wasm_opt, "-O3", str(module), "-o", str(path)])
        return path

    def _digest(self, kind: Kind) -> str:
        sources: list[Path] = []
        if kind.method in WITHOUT_CALLS:
            sources += sorted((ROOT / "ldshim").rglob("*.py")) + sorted((ROOT / "ldshim" / "include").iterdir())
        if kind.method == "linkme":
            sources += sorted(path for path in LINKME.rglob("*.rs") if "target" not in path.parts)
        if kind.language == "rust":
            sources += [PROGRAM / "Cargo.toml", *sorted((PROGRAM / "src").iterdir()), self._words(kind.method, kind.count)]
        digest = hashlib.sha256(repr((kind, self.rustc, self.tools.ldshim, self.tools.lld, C_PROGRAM)).encode())
        for path in sources:
            digest.update(path.read_bytes())
        return digest.hexdigest()


def _c_source(kind: Kind) -> str:
    array = elements = ""
    if not kind.method:
        return "#define UNREAD\n#define ARRAY\n" + C_PROGRAM.format(count=0, array="", elements="")
    if kind.method == ARRAY:
        array = "".join(f'{{"word-{i}", {i * 7 % 1000}}},\n' for i in range(kind.count))
    else:
        elements = "".join(
            f'LDSHIM_ELEMENT(words, const struct word, word{i}) = {{"word-{i}", {i * 7 % 1000}}};\n' for i in range(kind.count)
        )
    defined = ("#define ARRAY\n" if kind.method == ARRAY else "") + ("#define UNREAD\n" if kind.unread else "")
    return defined + C_PROGRAM.format(count=kind.count, array=array, elements=elements)


def aims(results: dict[str, Any]) -> list[dict[str, Any]]:
    """What registrations that are data should cost, and what they do in the worst of the measured modules."""
    rows = [row for row in results["rows"] if "why" not in row]
    ours = [row for row in rows if row["method"] in WITHOUT_CALLS]
    many = [row for row in ours if row["count"] >= UNREAD]
    arrays = {_variant(row): row for row in rows if row["method"] == ARRAY}
    slices = {_variant(row): row for row in rows if row["method"] == "slice"}

    def ratios(rows: list[dict[str, Any]], to: dict[Variant, dict[str, Any]], what: str) -> list[tuple[float, dict[str, Any]]]:
        return [(round(row[what] / to[_variant(row)][what], 4), row) for row in rows if _variant(row) in to]

    of, more = "of the static array's", "more than the static array's"
    some = ratios([row for row in many if row["count"] == UNREAD], arrays, "bytes")
    none, none_slice = (
        [(row["bytes"] - to[_variant(row)]["bytes"], row) for row in ours if not row["count"] and _variant(row) in to]
        for to in (arrays, slices)
    )
    left = [(row["bytes"], row) for row in results["unread"] if row["method"] in WITHOUT_CALLS and "why" not in row]
    found = [
        _aim("start", "fuel at start-up", "", 0, [(row["start"], row) for row in ours]),
        _aim("iterate", "fuel of an iteration", of, 1.0, ratios(many, arrays, "second")),
        _aim("iterate-slice", "fuel of an iteration", "of that over the array as a slice", 1.0, ratios(many, slices, "second")),
        _aim("bytes", f"bytes, {UNREAD:,} elements", of, 1.01, some),
        _aim("bytes-0", "bytes, no elements", more, 200, none),
        _aim("bytes-0-slice", "bytes, no elements", "more than those of the array as a slice", 200, none_slice),
        _aim("unread", f"bytes left of {UNREAD:,} elements that nothing reads", "", 0, left),
    ]
    return [aim for aim in found if aim]


def _variant(row: dict[str, Any]) -> Variant:
    return row["language"], row["count"], row["lto"], row["wasm_opt"]


def _aim(name: str, title: str, than: str, limit: float, values: list[tuple[float, dict[str, Any]]]) -> dict[str, Any]:
    """The best and the worst of them, with what they are of."""
    if not values:
        return {}
    worst, row = max(values, key=lambda pair: pair[0])
    best = min(value for value, _ in values)
    of = f"{row['method']}, {row['count']:,}" + (", LTO" if row["lto"] else "") + (", wasm-opt" if row.get("wasm_opt") else "")
    verdict = "met" if worst <= limit else "missed"
    return {"name": name, "title": title, "than": than, "limit": limit, "best": best, "worst": worst, "of": of, "verdict": verdict}


def find_wasm_opt() -> str:
    """The one of scripts/rust-tools: Debian's is older."""
    path = RUST / "bin" / "wasm-opt"
    return str(path) if os.access(path, os.X_OK) else find("wasm-opt")
