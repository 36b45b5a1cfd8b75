"""The page on coverage, from its JSON alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

LEAST, MOST = 0.92, 0.97

WHY: dict[str, str] = {
    "win rate, score": "few prompts or rates near 0 or 100%: the outcomes are few and steps between them are coarse",
    "win rate, wald": "the plain formula of other tools: too narrow with few prompts and near 0 or 100%; shown for comparison",
    "win rate, bayes": "near 0 or 100% Jeffreys' prior trades certainty for width; shown for comparison",
    "win rate, bootstrap": "redraws know no outcome that was not seen, so near 0 or 100% they are too narrow; for comparison",
    "clustered, score": "few effective prompts, or rates near 0 or 100% with rows that repeat each other: flagged in the row",
    "paired difference": "a difference of nearly one: as for a win rate near 100%",
    "length-controlled": "near 0 or 100% fits without a figure (separation) are left out, and what is left is a selection",
    "bt, sandwich": "the sandwich is exact only for many prompts",
    "bt, bootstrap": "percentiles of redraws are a little narrow where prompts are few",
}
"""Why a cell of an interval is outside LEAST to MOST, where it is."""

INTRO = """# Coverage of intervals

How often a 95% interval of a win rate or rating holds the truth. True win rates are uniform over 2% to 98%
in each cell. Cells marked *exact* enumerate all outcomes of a binomial; the others are simulated, and ± is two standard errors
of the simulation. The columns after the mean are bands of the true win rate (a rate and its mirror image count as one), then
the share of experiments that carry the warning "few effective clusters", and the coverage of those that do not. Experiments
without a figure (a fit that is not identified) do not count. **Bold** marks what is outside 92% to 97%, a band of a simulated cell by more
than two standard errors; the reason stands below its table. `python -m benchmarks.coverage` repeats the figures, which lie in `coverage.json` beside this page; this page is
written from them.

"""


def page(record: Mapping[str, Any]) -> str:
    """The markdown of a record as `benchmarks.coverage` writes it."""
    found = list(record["cells"].values())
    simulated = [cell["experiments"] for cell in found if not cell["exact"]]
    ends = sorted({min(simulated), max(simulated)}) if simulated else [0]
    size = " to ".join(f"{end:,}" for end in ends)
    parts = [
        INTRO,
        f"{len(found)} cells, {len(found) - len(simulated)} of them exact; {size} experiments a simulated cell, "
        f"{sum(simulated):,} in all.\n\n## In short\n\n",
        "| interval | cells | mean coverage | lowest cell | highest cell |\n|---|--:|--:|--:|--:|\n",
    ]
    covering = [cell for cell in found if cell["goal"].endswith("95%")]
    for interval in dict.fromkeys(cell["interval"] for cell in covering):
        rates = [_mean(cell["tally"]) for cell in covering if cell["interval"] == interval]
        mean = sum(rates) / len(rates)
        parts.append(
            f"| {interval} | {len(rates)} | {_per_cent(mean)} | {_per_cent(min(rates))} | {_per_cent(max(rates))} |\n"
        )
    for interval in dict.fromkeys(cell["interval"] for cell in found):
        parts += ["\n", *_section(interval, [cell for cell in found if cell["interval"] == interval])]
    return "".join(parts)


def _section(interval: str, found: list[Mapping[str, Any]]) -> Iterator[str]:
    yield f"## {interval[0].upper()}{interval[1:]}\n\n"
    if interval.startswith("plan"):
        yield "How often the score test decides at the number of prompts that `winsome plan` promises.\n\n"
        yield "| truth | prompts | experiments | promised | found |\n|---|--:|--:|--:|--:|\n"
        for cell in found:
            rate, promised = _mean(cell["tally"]), float(cell["goal"].rstrip("%")) / 100
            shown = f"**{_per_cent(rate)}**" if rate < promised - 0.005 - _error(cell) else _per_cent(rate)
            yield f"| {cell['law']} | {cell['size']} | {_count(cell)} | {cell['goal']} | {shown}{_plus(cell)} |\n"
        return
    if interval.startswith("sequential"):
        yield "The share of runs in which the truth was inside at every one of the looks; the promise is at least 95%.\n\n"
    yield "| law | size | experiments | coverage | 2–10% | 10–30% | 30–50% | flagged | not flagged | no figure |\n"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    outside = False
    for cell in found:
        whole = [sum(column) for column in zip(*cell["tally"], strict=True)]
        marks = [_marked(whole, cell, 0.0), *(_marked(band, cell, 2.0) for band in cell["tally"])]
        outside = outside or any("**" in mark for mark in marks)
        entered, held, flagged, both, none = whole
        clear = (held - both) / (entered - flagged) if entered - flagged > 1e-6 * entered else math.nan
        cells = (cell["law"], cell["size"], _count(cell), f"{marks[0]}{_plus(cell)}", *marks[1:])
        rest = (_per_cent(flagged / entered), _per_cent(clear), f"{none:,.0f}" if none else "–")
        yield f"| {' | '.join((*cells, *rest))} |\n"
    if outside:
        yield f"\nOutside 92% to 97%: {WHY.get(interval, 'the interval holds at every look together')}.\n"


def _mean(tally: list[list[float]]) -> float:
    entered = sum(band[0] for band in tally)
    return sum(band[1] for band in tally) / entered


def _rate(band: list[float]) -> float:
    return band[1] / band[0] if band[0] else math.nan


def _marked(band: list[float], cell: Mapping[str, Any], errors: float) -> str:
    """The coverage, bold where it is outside by more than `errors` standard errors of the simulation."""
    rate = _rate(band)
    if math.isnan(rate):
        return "–"
    noise = 0.0 if cell["exact"] else errors * math.sqrt(max(rate * (1.0 - rate), 0.0) / band[0])
    least, most = (0.95, 1.0) if cell["goal"].startswith("at least") else (LEAST, MOST)
    bad = rate < least - noise or rate > most + noise
    return f"**{_per_cent(rate)}**" if bad else _per_cent(rate)


def _per_cent(rate: float) -> str:
    return "–" if math.isnan(rate) else f"{100 * rate:.1f}%"


def _count(cell: Mapping[str, Any]) -> str:
    return "exact" if cell["exact"] else f"{cell['experiments']:,}"


def _error(cell: Mapping[str, Any]) -> float:
    """Two standard errors of the simulation; 0 for an exact cell."""
    if cell["exact"]:
        return 0.0
    rate, entered = _mean(cell["tally"]), sum(band[0] for band in cell["tally"])
    return 2.0 * math.sqrt(max(rate * (1.0 - rate), 0.0) / entered)


def _plus(cell: Mapping[str, Any]) -> str:
    return "" if cell["exact"] else f" ± {100 * _error(cell):.1f}"
