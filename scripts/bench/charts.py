"""The results as charts, as SVG: to be read on a light page and on a dark one, and their figures without a mouse."""

# ruff: noqa: RUF001 - signs as they are printed

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from registries import WITHOUT_CALLS
from tables import title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

WIDTH = 960
STYLE = """
    text { font: 14px Helvetica, Arial, sans-serif; fill: #1d2530 }
    .head { font-weight: bold; font-size: 16px }
    .soft { fill: #4c5768; font-size: 13px }
    .small { fill: #4c5768; font-size: 12px }
    .paper { fill: #ffffff; stroke: #c9ced6 }
    .grid { stroke: #dfe4eb; fill: none }
    .noise { fill: #dfe4eb }
    .allowed { stroke: #1d2530; stroke-width: 2; fill: none }
    .met { fill: #2e7d4f } .missed { fill: #b3261e } .unclear { fill: #8a6d00 }
    .ldshim { fill: #d97700; stroke: #d97700 }
    .other { fill: #5b82c0; stroke: #5b82c0 }
    .line { fill: none; stroke-width: 2.5 }
    .range { stroke-width: 3; stroke-linecap: round }
    text.ldshim { fill: #a85b00; stroke: none } text.other { fill: #244a86; stroke: none }
    @media (prefers-color-scheme: dark) {
      text { fill: #e8ebf0 } .soft, .small { fill: #aab3c0 }
      .paper { fill: #161b22; stroke: #3a424e } .grid { stroke: #303844 } .noise { fill: #303844 }
      .allowed { stroke: #e8ebf0 }
      .met { fill: #5fbf86 } .missed { fill: #ff8a80 } .unclear { fill: #e0c060 }
      .ldshim { fill: #f6a13c; stroke: #f6a13c } .other { fill: #7ea6e6; stroke: #7ea6e6 } .line { fill: none }
      text.ldshim { fill: #f6a13c } text.other { fill: #9dbcf0 }
    }
"""


class Svg:
    """A picture that grows downwards."""

    def __init__(self, name: str, description: str) -> None:
        self.name = name
        self.description = description
        self.parts: list[str] = []

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>')

    def rect(self, x: float, y: float, width: float, height: float, kind: str, radius: float = 0) -> None:
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius}" class="{kind}"/>')

    def line(self, points: Iterable[tuple[float, float]], kind: str) -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" class="{kind}"/>')

    def dot(self, x: float, y: float, kind: str, radius: float = 5) -> None:
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{kind}"/>')

    def __call__(self, height: float) -> str:
        body = "\n  ".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" role="img" '
            f'aria-labelledby="title description">\n  <title id="title">{escape(self.name)}</title>\n'
            f'  <desc id="description">{escape(self.description)}</desc>\n  <style>{STYLE}  </style>\n'
            f'  <rect class="paper" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="10"/>\n  {body}\n</svg>\n'
        )


class Axis:
    """From values to places, linear or by powers."""

    def __init__(self, low: float, high: float, begin: float, end: float, *, log: bool = False) -> None:
        self.log = log
        self.low, self.high = self._scale(low), self._scale(high)
        self.begin, self.end = begin, end

    def __call__(self, value: float) -> float:
        part = (self._scale(value) - self.low) / (self.high - self.low)
        return self.begin + min(max(part, 0.0), 1.0) * (self.end - self.begin)

    def _scale(self, value: float) -> float:
        return math.log10(max(value, 1e-9)) if self.log else value


# Links

LABELS = 24
PLOT, PLOT_END = 384, 690
ROW = 32


def link_chart(results: dict[str, Any]) -> str:
    svg = Svg(
        "What a link through ldshim costs",
        "Each link against bare wasm-ld: the median of paired runs, its quartiles, the noise, and what is allowed.",
    )
    y = 36.0
    svg.text(LABELS, y, "What a link through ldshim costs", "head")
    _legend(svg, y)
    milliseconds = [case for case in results["cases"] if case["unit"] == "ms"]
    times = [case for case in results["cases"] if case["unit"] == "times"]
    if milliseconds:
        y = _panel(svg, y + 34, "Nothing to do: milliseconds over the sum of Python’s start and lld", milliseconds, 0.0)
    if times:
        y = _panel(svg, y + 26, "Against the equivalent link, or build, without ldshim: times", times, 1.0)
    if results["series"]:
        y = _growth(svg, y + 26, results["series"])
    svg.text(LABELS, y + 24, _where(results), "small")
    return svg(y + 42)


def _legend(svg: Svg, y: float) -> None:
    x = float(PLOT)
    svg.line([(x, y - 5), (x + 36, y - 5)], "ldshim range")
    svg.dot(x + 18, y - 5, "ldshim")
    svg.text(x + 44, y, "median and quartiles", "soft")
    svg.rect(x + 204, y - 13, 26, 16, "noise")
    svg.text(x + 238, y, "lld against itself: the noise", "soft")
    svg.line([(x + 446, y - 14), (x + 446, y + 4)], "allowed")
    svg.text(x + 454, y, "what is allowed", "soft")


def _panel(svg: Svg, y: float, head: str, cases: list[dict[str, Any]], base: float) -> float:
    unit = cases[0]["unit"]
    svg.text(LABELS, y, head, "soft")
    most = max(max(case["value"]["high"], case["limit"] or 0) for case in cases)
    ticks, axis = _axis(unit, most)
    top, bottom = y + 14, y + 14 + ROW * len(cases)
    for tick in ticks:
        svg.line([(axis(tick), top), (axis(tick), bottom)], "grid")
        svg.text(axis(tick), bottom + 16, _tick(tick, unit), "small", "middle")
    for index, case in enumerate(cases):
        middle = top + ROW * index + ROW / 2
        svg.text(LABELS, middle + 5, case["title"])
        value, noise = case["value"], case["noise"]
        low, high = axis(noise["low"]), axis(noise["high"])
        svg.rect(low, middle - 11, max(high - low, 2), 22, "noise")
        svg.line([(axis(base), middle - 11), (axis(base), middle + 11)], "grid")
        svg.line([(axis(value["low"]), middle), (axis(value["high"]), middle)], "ldshim range")
        svg.dot(axis(value["median"]), middle, "ldshim")
        if case["limit"] is not None:
            svg.line([(axis(case["limit"]), middle - 12), (axis(case["limit"]), middle + 12)], "allowed")
        figure = f"{value['median']:+,.1f} ms".replace("-", "−") if unit == "ms" else f"{value['median']:.3g} ×"
        svg.text(PLOT_END + 16, middle + 5, figure)
        if case["limit"] is not None:
            limit = f"{case['limit']:.0f} ms" if unit == "ms" else f"{case['limit']:.2f}"
            svg.text(PLOT_END + 118, middle + 5, f"{_verdict(case['verdict'])} {limit}", "soft " + case["verdict"])
    return bottom + 18


def _axis(unit: str, most: float) -> tuple[list[float], Axis]:
    if unit == "ms":
        step = _round_step(most / 5)
        last = step * math.ceil(max(most, 1) / step)
        return [step * i for i in range(round(last / step) + 1)], Axis(0, last, PLOT, PLOT_END)
    choices = [1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0]
    last = next((choice for choice in choices if choice >= most), most)
    ticks = [choice for choice in choices if choice <= last]
    if last > 3:
        ticks = [tick for tick in ticks if tick in (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)]
    return ticks, Axis(0.9, last, PLOT, PLOT_END, log=True)


def _round_step(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(max(value, 1e-9)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value)


def _tick(value: float, unit: str) -> str:
    return f"{value:,.0f}" if unit == "ms" else f"{value:g} ×"


def _verdict(verdict: str) -> str:
    return {"met": "✓ within", "missed": "✗ allowed", "unclear": "? near"}[verdict]


def _growth(svg: Svg, y: float, series: list[dict[str, Any]]) -> float:
    svg.text(LABELS, y, "Growth: milliseconds, at 1, 10 and 100 times as much", "soft")
    svg.text(LABELS + 400, y, "lld alone", "soft other")
    svg.text(LABELS + 480, y, "ldshim over lld and Python’s start", "soft ldshim")
    width, height, gap = 208.0, 170.0, 98.0
    top = y + 22
    values = [
        max(value, 0.5)
        for one in series
        for point in one["points"]
        for value in (point["over"]["median"], point["milliseconds"]["bare"]["median"])
    ]
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))
    for index, one in enumerate(series):
        left = LABELS + 52 + index * (width + gap)
        vertical = Axis(low, high, top + height, top, log=True)
        amounts = [point["amount"] for point in one["points"]]
        horizontal = Axis(amounts[0], amounts[-1], left + 12, left + width - 30, log=True)
        value = low
        while value <= high:
            svg.line([(left, vertical(value)), (left + width, vertical(value))], "grid")
            svg.text(left - 8, vertical(value) + 4, f"{value:,.0f}" if value >= 1 else f"{value:g}", "small", "end")
            value *= 10
        for amount in amounts:
            svg.text(horizontal(amount), top + height + 18, f"{amount:,.0f}", "small", "middle")
        svg.text(left + width / 2, top + height + 38, one["title"].replace("bytes of archives", "MB of archives"), "small", "middle")
        lines = {
            "other": [point["milliseconds"]["bare"]["median"] for point in one["points"]],
            "ldshim": [point["over"]["median"] for point in one["points"]],
        }
        ends = {kind: vertical(max(figures[-1], low)) for kind, figures in lines.items()}
        apart = max(0.0, 14 - abs(ends["other"] - ends["ldshim"])) / 2
        for kind, figures in lines.items():
            places = [(horizontal(amount), vertical(max(figure, low))) for amount, figure in zip(amounts, figures, strict=True)]
            svg.line(places, f"{kind} line")
            for place in places:
                svg.dot(*place, kind, 3.5)
            aside = apart if ends[kind] == max(ends.values()) else -apart
            figure = f"{figures[-1]:,.3g}" if figures[-1] < 1000 else f"{figures[-1]:,.0f}"
            svg.text(places[-1][0] + 8, places[-1][1] + 4 + aside, figure, f"small {kind}")
    return top + height + 44


def _where(results: dict[str, Any]) -> str:
    return f"{results['date']}, lld {results['lld']}, Python {results['python']}, rustc {results['rustc']}; scripts/bench/run"


# Registries


def runtime_chart(results: dict[str, Any]) -> str:
    svg = Svg("What a registry of 1,000 elements costs at run time", "Bytes and fuel of modules whose registries are made in several ways.")
    rows = [row for row in results["rows"] if row["count"] == 1_000 and not row["lto"] and not row["wasm_opt"] and "why" not in row]
    left_over = {(row["language"], row["method"]): row.get("bytes") for row in results["unread"] if not row["lto"]}
    columns: list[tuple[str, list[int | None]]] = [
        ("bytes", [row["bytes"] for row in rows]),
        ("… if nothing reads it", [left_over.get((row["language"], row["method"])) for row in rows]),
        ("fuel: start-up", [row["start"] for row in rows]),
        ("fuel: an iteration", [row["second"] for row in rows]),
        ("fuel: get(900)", [row["get"] for row in rows]),
    ]
    svg.text(LABELS, 36, "What 1,000 registrations cost at run time", "head")
    svg.text(WIDTH - LABELS, 36, "release mode; fuel is wasmtime’s, about one an instruction", "soft", "end")
    left, width, gap = 252.0, 126.0, 14.0
    top = 78.0
    for index, (head, values) in enumerate(columns):
        x, y = left + index * (width + gap), top
        svg.text(x, y - 10, head, "soft")
        most = max((value for value in values if value is not None), default=0) or 1
        for row, value in zip(rows, values, strict=True):
            y += _gap(rows, row)
            kind = "ldshim" if row["method"] in WITHOUT_CALLS else "other"
            if index == 0:
                svg.text(LABELS, y + 20, title(row), "ldshim" if kind == "ldshim" else "")
            if value is not None:
                length = max(value / most * (width - 58), 1.5)
                svg.rect(x, y + 6, length, 18, kind, 2)
                svg.text(x + length + 6, y + 20, f"{value:,}", "small")
            y += ROW
    bottom = top + sum(ROW + _gap(rows, row) for row in rows)
    crates = ", ".join(f"{name} {version}" for name, version in results["crates"].items() if name != "linkme")
    where = f"{results['date']}, rustc {results['rustc']}, clang {results['clang']}, {crates}; scripts/bench/run"
    svg.text(LABELS, bottom + 26, where, "small")
    return svg(bottom + 44)


def _gap(rows: list[dict[str, Any]], row: dict[str, Any]) -> float:
    """Between the languages."""
    index = rows.index(row)
    return 14.0 if index and rows[index - 1]["language"] != row["language"] else 0.0


CHARTS: dict[str, Callable[[dict[str, Any]], str]] = {"link": link_chart, "runtime": runtime_chart}
