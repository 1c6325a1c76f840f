"""What a link through ldshim costs, and what a registry costs at run time."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import charts
import tables
from links import Links, grow, measure
from registries import ARRAY, C_METHODS, COUNTS, RUST_METHODS, UNREAD, Kind, Registries, aims
from tools import ROOT, RUST, Failed, Tools, find, output

if TYPE_CHECKING:
    from typing import Any

RESULTS = ROOT / "docs" / "bench"
PAGE = ROOT / "docs" / "costs.md"


def main() -> int:
    """Do what the command line says."""
    asked = _arguments()
    if asked.what == "report":
        return _report(check=asked.check)
    tools = Tools(asked.work, asked.linker, asked.ldshim)
    try:
        if asked.what in ("link", "all"):
            _link(tools, asked)
        if asked.what in ("runtime", "all"):
            _runtime(tools, asked)
    except Failed as why:
        print(f"scripts/bench/run: {why}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench/run", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True, metavar="link | runtime | all | report")
    measuring = argparse.ArgumentParser(add_help=False)
    measuring.add_argument("--quick", action="store_true", help="few rounds, nothing large; prints only")
    measuring.add_argument("--list", action="store_true", help="the names of what can be measured")
    measuring.add_argument("--seconds", type=float, default=20, help="about so long for each link (%(default)s)")
    measuring.add_argument("--limit", type=float, default=600, help="seconds that the build of one module may take (%(default)s)")
    measuring.add_argument("--linker", help="the bare linker for C (wasm-ld-22); for Rust it is rustc's own")
    measuring.add_argument("--ldshim", help="another ldshim than that of the checkout")
    measuring.add_argument("--work", type=Path, default=ROOT / ".bench", help="where inputs and modules are kept (.bench)")
    for name in ("link", "runtime", "all"):
        command = commands.add_parser(name, parents=[measuring])
        metavar = {"link": "CASE", "runtime": "METHOD"}.get(name)
        if metavar:
            command.add_argument("names", nargs="*", metavar=metavar, help="these only; prints only")
        else:
            command.set_defaults(names=[])
    report = commands.add_parser("report")
    report.add_argument("--check", action="store_true", help="change nothing; exit with 1 if they are not those of the JSON")
    return parser.parse_args()


# What is measured


def _link(tools: Tools, asked: argparse.Namespace) -> None:
    links = Links(tools)
    known = [*links.cases, *links.series]
    if asked.list:
        print(*known, sep="\n")
        return
    names = _chosen(asked.names, known)
    if asked.quick and not asked.names:
        names = [name for name in names if name in links.cases and "200mb" not in name and name != "c-100000"]
    fewest, seconds = (3, min(asked.seconds, 2)) if asked.quick else (7, asked.seconds)
    results = _head(tools)
    results |= {"cases": [], "series": []}
    for name in names:
        print(f"{name} …", file=sys.stderr)
        if name in links.cases:
            results["cases"].append(measure(links.cases[name](), tools, seconds, fewest))
        else:
            results["series"].append(grow(links.series[name], tools, seconds / 3, 3))
    _publish("link", results, tools, complete=not asked.names and not asked.quick)


def _runtime(tools: Tools, asked: argparse.Namespace) -> None:
    methods = [*RUST_METHODS, "ldshim.h", "native"]
    if asked.list:
        print(*methods, sep="\n")
        return
    names = set(_chosen(asked.names, methods))
    counts = COUNTS[:-1] if asked.quick else COUNTS
    registries = Registries(tools, asked.limit)
    # The array is what the others are compared with.
    chosen = [("rust", method) for method in RUST_METHODS if method in names or (method == ARRAY and names & set(RUST_METHODS))]
    chosen += [("c", method) for method in C_METHODS if "ldshim.h" in names]
    kinds = [Kind(language, method, count, lto) for language, method in chosen for count in counts for lto in (False, True)]
    results = _head(tools)
    results |= registries.versions()
    results |= {"rows": [], "unread": [], "native": []}
    for kind in kinds:
        print(f"{kind.name} …", file=sys.stderr)
        results["rows"] += [registries.row(kind, optimized=optimized) for optimized in (False, True)]
    for language, method in [("rust", name) for name in RUST_METHODS if name != "slice"] + [("c", name) for name in C_METHODS]:
        if (language, method) in chosen:
            results["unread"] += [registries.unread(language, method, UNREAD, lto=lto) for lto in (False, True)]
    if "native" in names:
        print("native …", file=sys.stderr)
        results["native"] = [
            registries.native(method, count, lto=lto)
            for method in ("array", "slice", "linkme")
            for count in counts[:3]
            for lto in (False, True)
        ]
    _check_sums(results["rows"])
    results["aims"] = aims(results)
    _publish("runtime", results, tools, complete=not asked.names and not asked.quick)


def _check_sums(rows: list[dict[str, Any]]) -> None:
    """All registries of one size have to have the same words."""
    sums: dict[tuple[str, int], set[int]] = {}
    for row in rows:
        if "sum" in row:
            sums.setdefault((row["language"], row["count"]), set()).add(row["sum"])
    different = [key for key, found in sums.items() if len(found) > 1]
    if different:
        raise Failed(f"the registries do not have the same words: {different}")


def _chosen(names: list[str], known: list[str]) -> list[str]:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Failed(f"unknown: {' '.join(unknown)}; there are {' '.join(known)}")
    return names or known


def _head(tools: Tools) -> dict[str, Any]:
    """With what, where and when: enough to judge the figures, and nothing that only this machine has."""
    lld = output([tools.lld, "--version"])
    version = re.search(r"LLD ([\d.]+)", lld)
    return {
        "date": dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
        "machine": {"processor": _processor(), "processors": os.cpu_count(), "load": round(os.getloadavg()[0], 2)},
        "python": platform.python_version(),
        "lld": version.group(1) if version else lld.strip(),
        "rust_lld": (re.search(r"LLD ([\d.]+)", output([tools.rust_lld(), "-flavor", "wasm", "--version"])) or [lld, ""])[1],
        "rustc": output([str(RUST / "bin" / "rustc"), "-V"]).split()[1],
        "clang": (re.search(r"version ([\d.]+)", output([find("clang-22"), "--version"])) or ["", ""])[1],
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


# Where it goes


def _publish(name: str, results: dict[str, Any], tools: Tools, *, complete: bool) -> None:
    print(tables.TABLES[name](results))
    text = json.dumps(results, indent=1) + "\n"
    if not complete:
        path = tools.work / f"{name}.json"
        path.write_text(text)
        print(f"not all of it was measured: it is in {os.path.relpath(path, ROOT)} only", file=sys.stderr)
        return
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text)
    _report(check=False)


def _report(*, check: bool) -> int:
    """Make the charts and the page from the JSON, or see whether they are made from it."""
    wanted: dict[Path, str] = {}
    page = PAGE.read_text()
    for name, table in tables.TABLES.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            results = json.loads(path.read_text())
            wanted[path.with_suffix(".svg")] = charts.CHARTS[name](results)
            page = tables.embed(page, name, table(results))
    wanted[PAGE] = page
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what scripts/bench/run report makes of docs/bench/*.json", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
