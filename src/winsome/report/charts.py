"""Charts as inline SVG in percentages of their box, coloured by classes, so that they follow the page's width and theme."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from winsome.report.markup import Markup, el


@dataclass(frozen=True)
class Scale:
    """A linear axis from `low` to `high` with `ticks`; `middle` is the value that means "no difference"."""

    low: float
    high: float
    middle: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> str:
        """Where a value lies, in per cent of the width; values beyond the axis lie on its end."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(1.0, max(0.0, share)):.2f}%"


def scale(
    figures: Iterable[Mapping[str, Any]],
    middle: float = 50.0,
    whole: tuple[float, float] | None = (0.0, 100.0),
) -> Scale:
    """The axis over these figures and `middle`, in round steps, kept inside `whole`."""
    values = [middle]
    for figure in figures:
        values += [figure[name] for name in ("low", "estimate", "high") if figure[name] is not None]
    low, high = min(values), max(values)
    step = _round_step(max(high - low, 1e-9) / 4)
    low, high = step * math.floor(low / step), step * math.ceil(high / step)
    low, high = (low - step if low == middle else low), (high + step if high == middle else high)
    if whole is not None:
        low, high = max(whole[0], low), min(whole[1], high)
    count = round((high - low) / step)
    return Scale(low, high, middle, tuple(low + step * k for k in range(count + 1)))


def drawn_scale(rows: Iterable[Mapping[str, Any]], unit: str) -> Scale:
    """The axis of standings in `unit`: about 50 per cent, 1000 Arena points, a reward of 0, else the middle of the figures."""
    rows = list(rows)
    if unit == "per cent":
        return scale(rows)
    if unit == "Arena points" or unit.startswith("reward"):
        return scale(rows, 1000.0 if unit == "Arena points" else 0.0, None)
    known = [row["estimate"] for row in rows if row["estimate"] is not None] or [0.0]
    return scale(rows, round((min(known) + max(known)) / 2, 1), None)


def _round_step(rough: float) -> float:
    power = 10 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)


def axis(scale: Scale) -> Markup:
    """The tick labels of a forest plot; for the eye only, the table beside it says the numbers."""
    labels = [
        el("text", f"{tick:g}", x=scale.at(tick), y="95%", class_="tick", text_anchor="middle")
        for tick in scale.ticks
    ]
    return el("svg", labels, class_="axis", aria_hidden="true", focusable="false")


def forest(figure: Mapping[str, Any], scale: Scale, *, quiet: bool = False) -> Markup:
    """One row of a forest plot: the interval as a line, the estimate as a dot, the middle as a hairline."""
    marks = [
        el("line", x1=scale.at(tick), x2=scale.at(tick), y1="0%", y2="100%", class_="grid")
        for tick in scale.ticks
    ]
    marks.append(
        el("line", x1=scale.at(scale.middle), x2=scale.at(scale.middle), y1="0%", y2="100%", class_="middle")
    )
    if figure["low"] is not None and figure["high"] is not None:
        ends = (scale.at(figure["low"]), scale.at(figure["high"]))
        marks.append(el("line", x1=ends[0], x2=ends[1], y1="50%", y2="50%", class_="interval"))
        marks += [el("line", x1=end, x2=end, y1="36%", y2="64%", class_="end") for end in ends]
    if figure["estimate"] is not None:
        marks.append(el("circle", cx=scale.at(figure["estimate"]), cy="50%", r="5", class_="dot"))
    return el(
        "svg", marks, class_="forest quiet" if quiet else "forest", aria_hidden="true", focusable="false"
    )


def shares(counts: Sequence[tuple[str, int]], total: int) -> Markup:
    """A bar cut in proportion to the counts; each part carries its outcome as a class."""
    parts: list[Markup] = []
    start = 0
    for outcome, count in counts:
        if count:
            x, width = 100 * start / total, 100 * count / total
            css = f"part {outcome.replace(' ', '-')}"
            parts.append(el("rect", x=f"{x:.3f}%", width=f"{width:.3f}%", y="0", height="100%", class_=css))
        start += count
    return el("svg", parts, class_="shares", aria_hidden="true", focusable="false")


def columns(bins: Sequence[Mapping[str, Any]], labels: Sequence[str], title: str) -> Markup:
    """Win rates of ordered bins as dots with upright intervals, from 0 at the foot to 100; the dots' size follows n."""
    most = max((figure["n"] for figure in bins), default=0) or 1
    marks = [_level(value) for value in (0, 25, 50, 75, 100)]
    for k, (figure, label) in enumerate(zip(bins, labels, strict=True)):
        x = f"{8 + 92 * (k + 0.5) / len(bins):.2f}%"
        marks.append(el("text", label, x=x, y="97%", class_="tick", text_anchor="middle"))
        if figure["estimate"] is None:
            continue
        css = " few" if figure["few"] else ""
        low, high = _height(figure["low"]), _height(figure["high"])
        marks.append(el("line", x1=x, x2=x, y1=low, y2=high, class_="interval" + css))
        radius = 3 + 4 * math.sqrt(figure["n"] / most)
        marks.append(
            el("circle", cx=x, cy=_height(figure["estimate"]), r=f"{radius:.1f}", class_="dot" + css)
        )
    return el("svg", marks, class_="columns", role="img", aria_label=title)


def _level(value: int) -> Markup:
    y = _height(value)
    line = el("line", x1="8%", x2="100%", y1=y, y2=y, class_="middle" if value == 50 else "grid")
    return el("g", line, el("text", value, x="6.5%", y=y, dy="0.35em", class_="tick", text_anchor="end"))


def _height(value: float) -> str:
    return f"{88 - 0.84 * value:.2f}%"
