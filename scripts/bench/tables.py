"""The results as tables of Markdown, and their places in a page."""

# ruff: noqa: RUF001 - signs as they are printed

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registries import C_METHODS, RUST_METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

VERDICTS = {"met": "✓", "missed": "✗", "unclear": "?", "": ""}


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    """Columns whose heads end in a colon are numbers."""
    alignments = ["---:" if head.endswith(":") else "---" for head in heads]
    lines = [[head.removesuffix(":") for head in heads], alignments, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def embed(page: str, name: str, text: str) -> str:
    """The page with `text` between `<!-- bench NAME -->` and `<!-- end -->`."""
    pattern = re.compile(rf"(<!-- bench {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    assert pattern.search(page), f"no place for {name}"
    return pattern.sub(lambda found: found[1] + text + found[2], page)


# Links


def link_tables(results: dict[str, Any]) -> str:
    parts = [_machine(results, f"lld {results['lld']} for C, {results['rust_lld']} for Rust, rustc {results['rustc']}")]
    if results["cases"]:
        parts.append(
            table(
                ["link", "compared with", "lld:", "ldshim:", "over lld and Python:", "cost:", "noise:", "allowed:", "", "memory:"],
                map(_case, results["cases"]),
            )
        )
    if results["series"]:
        parts.append(
            table(["what grows", "", "1x:", "10x:", "100x:", "one more, to 10x:", "to 100x:", ""], _rows_of_series(results["series"]))
        )
    return "\n".join(parts)


def _case(case: dict[str, Any]) -> list[str]:
    times = case["milliseconds"]
    memory = case.get("memory")
    more = ""
    if memory:
        over = (memory["ldshim"] - memory["bare"]) / 1e6
        allowed = (
            f" ({VERDICTS['met' if over * 1e6 <= memory['limit'] else 'missed']} {memory['limit'] / 1e6:.0f})" if memory["limit"] else ""
        )
        more = f"{_number(over, 0, sign=True)} MB{allowed}"
    return [
        case["title"],
        case["against"],
        f"{_number(times['bare']['median'], 0)} ms",
        f"{_number(times['ldshim']['median'], 0)} ms",
        f"{_number(case['over']['median'], 0, sign=True)} ms" if "over" in case else "",
        spread(case["value"], case["unit"]),
        spread(case["noise"], case["unit"], median=False),
        "" if case["limit"] is None else _limit(case["limit"], case["unit"]),
        VERDICTS[case["verdict"]],
        more,
    ]


def _rows_of_series(series: list[dict[str, Any]]) -> Iterable[list[str]]:
    for one in series:
        points = one["points"]
        amounts = ", ".join(_amount(point["amount"]) for point in points)
        over = [f"{_number(point['over']['median'], 1, sign=True)} ms" for point in points]
        slopes = [_slope(slope) for slope in one["slopes"]["ldshim"]]
        yield [f"{one['title']} ({amounts})", "ldshim over lld", *over, *slopes, VERDICTS[one["verdict"]]]
        bare = [f"{_number(point['milliseconds']['bare']['median'], 1)} ms" for point in points]
        yield ["", "lld alone", *bare, *map(_slope, one["slopes"]["bare"]), ""]


def _slope(microseconds: float) -> str:
    return f"{_number(microseconds, 2 if abs(microseconds) < 10 else 1)} µs"


def spread(value: dict[str, float], unit: str, *, median: bool = True) -> str:
    """A median, with the quartiles in parentheses; or these alone."""
    digits = 1 if unit == "ms" else 2
    sign = unit == "ms"
    between = " to ".join(_number(value[end], digits, sign=sign) for end in ("low", "high"))
    if not median:
        return between
    return f"**{_number(value['median'], digits, sign=sign)}{' ms' if unit == 'ms' else ' ×'}** ({between})"


def _limit(limit: float, unit: str) -> str:
    return f"{limit:+.0f} ms" if unit == "ms" else f"{limit:.2f} ×"


def _number(value: float, digits: int, *, sign: bool = False) -> str:
    # Three digits are more than any of them is good for.
    digits = 0 if abs(value) >= 100 else digits
    value = round(value, digits) + 0.0  # no negative zero
    return f"{value:{'+' if sign else ''},.{digits}f}".replace("-", "−")


def _amount(amount: float) -> str:
    return f"{amount:,.0f}"


def _machine(results: dict[str, Any], versions: str) -> str:
    machine = results["machine"]
    return (
        f"Measured {results['date']} on {machine['processors']} processors ({machine['processor']}), load {machine['load']} before; "
        f"Python {results['python']}, {versions}.\n"
    )


# Registries


def runtime_tables(results: dict[str, Any]) -> str:
    crates = ", ".join(f"{name} {version}" for name, version in results["crates"].items())
    versions = f"rustc {results['rustc']}, clang {results['clang']}, wasm-opt {results['wasm_opt']}, wasmtime {results['wasmtime']}"
    parts = [_machine(results, f"{versions}; {crates} (linkme on native)")]
    if results["aims"]:
        heads = ["ldshim", "", "best:", "worst:", "allowed:", "", "the worst is"]
        parts.append(table(heads, ([
            aim["title"], aim["than"], _aim(aim["best"], aim), _aim(aim["worst"], aim), _aim(aim["limit"], aim), VERDICTS[aim["verdict"]],
            aim["of"],
        ] for aim in results["aims"])))  # fmt: skip
    some = [row for row in results["rows"] if row["count"] == 1_000 and not row["lto"] and not row["wasm_opt"]]
    if some:
        parts.append("1,000 registrations, release mode without LTO and wasm-opt:\n")
        parts.append(table(["", "bytes:", "fuel, start-up:", "first iteration:", "second:", "`get(900)`:"], map(_registry, some)))
    if results["unread"]:
        parts.append("Bytes that 1,000 registrations leave in a module in which nothing reads them:\n")
        heads = ["", "without LTO:", "LTO:"]
        parts.append(table(heads, _unread(results["unread"])))
    if results["native"]:
        parts.append("On the machine itself (stripped program, nanoseconds):\n")
        heads = [
            "",
            "registrations:",
            "bytes:",
            "first iteration:",
            "second:",
            "get:",
            "bytes, LTO:",
            "first iteration:",
            "second:",
            "get:",
        ]
        parts.append(table(heads, _native(results["native"])))
    parts.append("<details><summary>All modules</summary>\n")
    heads = ["", "registrations:", "LTO", "wasm-opt", "bytes:", "fuel, start-up:", "first iteration:", "second:", "`get`:"]
    parts.append(table(heads, map(_every, results["rows"])))
    parts.append("</details>\n")
    return "\n".join(parts)


def title(row: dict[str, Any]) -> str:
    if row["language"] == "c":
        return "C: " + C_METHODS[row["method"]]
    return "Rust: " + RUST_METHODS[row["method"]]


def _aim(value: float, aim: dict[str, Any]) -> str:
    if aim["than"].startswith("of "):
        return f"{value:.3f} ×"
    return f"{value:,.0f}" if not aim["than"] else f"{value:+,.0f}".replace("-", "−")


def _registry(row: dict[str, Any]) -> list[str]:
    return [title(row), *_figures(row)]


def _every(row: dict[str, Any]) -> list[str]:
    return [title(row), f"{row['count']:,}", "LTO" if row["lto"] else "", "wasm-opt" if row["wasm_opt"] else "", *_figures(row)]


def _figures(row: dict[str, Any]) -> list[str]:
    if "why" in row:
        return [_why(row["why"]), "", "", "", ""]
    return [f"{row[what]:,}" for what in ("bytes", "start", "first", "second", "get")]


def _why(text: str) -> str:
    """A reason, short enough for a cell."""
    text = text.replace("|", "/")
    return text if len(text) <= 80 else text[:79] + "…"


def _unread(rows: list[dict[str, Any]]) -> Iterable[list[str]]:
    for without, with_ in zip(rows[::2], rows[1::2], strict=True):
        yield [title(without), *(_why(row["why"]) if "why" in row else f"{row['bytes']:,}" for row in (without, with_))]


def _native(rows: list[dict[str, Any]]) -> Iterable[list[str]]:
    names = {**RUST_METHODS, "linkme": "linkme"}
    for without, with_ in zip(rows[::2], rows[1::2], strict=True):
        cells = [names[without["method"]], f"{without['count']:,}"]
        for row in (without, with_):
            cells += (
                [_why(row["why"]), "", "", ""]
                if "why" in row
                else [f"{row['bytes']:,}", *(f"{row[what]:,}" for what in ("first", "second", "get"))]
            )
        yield cells


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {"link": link_tables, "runtime": runtime_tables}
