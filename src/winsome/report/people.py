"""What people said of pairs, and what a judge beside them saved, in lines for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What people said and what the judge beside them saved; found: the run's record of them."""
    names = ", ".join(f"{name} {count:,}" for name, count in found["annotators"].items())
    said = ", ".join(f"{count:,} {word}" for word, count in found["words"].items())
    yield f"labels: {found['labelled']:,} of {found['pairs']:,} pairs by {names or 'nobody'} ({said or 'none'})"
    for name in ("alpha", "kappa"):
        if (one := found[name]) is not None and one["estimate"] is not None:
            yield f"agreement: {one['coefficient']} {one['estimate']:.2f} ({one['low']:.2f} to {one['high']:.2f}), n = {one['items']}"
    figure, seen = found["control_variates"], found.get("anytime")
    if seen is not None:
        apart = "told apart" if not seen["low"] <= 0.5 <= seen["high"] else "not told apart"
        yield f"at every look: {found['side']} {_rate(seen)}, n = {seen['n']:,}, {apart}"
    if found["assist"] is None:
        return
    if found["unscored"]:
        yield f"{found['unscored']:,} pairs without a score of {found['assist']} are left out of what follows"
    if figure is None:
        yield f"with {found['assist']}: needs 4 labels or more"
        return
    n = f"n = {figure['labels']:,}"
    yield f"win rate of {found['side']} on the pairs that no rule decides:"
    yield f"  people alone               {_rate(figure['human'])}, {n}"
    yield f"  people with {found['assist']}: {_rate(figure)}, {n} of {figure['pairs']:,}"
    yield f"  {found['assist']} alone: {100 * figure['synthetic'][0]:.1f}% (its bias stays, however many pairs)"
    gain = figure["effective_labels"]
    worth = "all labels" if gain is None else f"{gain:,.0f} labels of people alone"
    yield (
        f"saving: as exact as {worth}, {100 * figure['saving']:.1f}% saved; rho^2 {figure['rho2']:.3f} "
        f"({figure['rho2_low']:.3f} to {figure['rho2_high']:.3f})"
    )
    yield f"labels remaining: {_remaining(found['plan'], found['remaining'])}"
    for warning in figure["warnings"]:
        yield f"! {warning}"


def _rate(one: Mapping[str, Any]) -> str:
    return f"{100 * one['estimate']:.1f}% ({100 * one['low']:.1f} to {100 * one['high']:.1f})"


def _remaining(plan: Mapping[str, Any], left: int | None) -> str:
    aim = f"for an interval of -+{100 * plan['half_width']:g} points"
    if left is None:
        return f"more than these {plan['pairs']:,} pairs give {aim}; add prompts or widen --half-width"
    alone = f"{plan['human_only']:,} in all" if plan["human_only"] is not None else "more than there are"
    return f"{left:,} {aim} ({plan['labels']:,} in all; people alone: {alone})"
