"""Models as judges in every style, on every scale, in every set-up: the names that a tournament opens."""

from __future__ import annotations

from collections.abc import Sequence

from winsome.errors import BadInput

STYLES = ("direct", "independent", "combined")
SETUPS = ("single", "jury", "debate")


def entrants(
    models: Sequence[str], styles: Sequence[str], scales: Sequence[str], setups: Sequence[str]
) -> list[str]:
    """The judges' names: each model in each style (direct has no scale), then one debate of all models a scale.

    A jury needs no name of its own: it is pooled from the single judges' verdicts. BadInput for an unknown style, scale or set-up.
    """
    for given, known, what in ((styles, STYLES, "style"), (setups, SETUPS, "set-up")):
        for name in given:
            if name not in known:
                raise BadInput(f'no {what} "{name[:40]}" (known: {", ".join(known)}); choose some of these')
    for scale in scales:
        if not scale.isdigit() or not 2 <= int(scale) <= 1000:
            raise BadInput(f'scale "{scale[:20]}" is no whole number from 2 to 1000; give 5, 10 or 100')
    names: list[str] = []
    for model in models:
        for style in styles:
            if style == "direct":
                names.append(f"pairwise?protocol=mt_bench_pair&model=({model})")
            else:
                names += [f"scored?style={style}&scale={scale}&model=({model})" for scale in scales]
    if models and "debate" in setups:
        members = ",".join(f"({model})" for model in models)
        personas = "" if len(models) in (1, 3) else "&personas=[public,critic]" if len(models) == 2 else None
        if personas is None:
            raise BadInput(
                f"a debate of {len(models)} models; give 1, 2 or 3 models, or name debate?members=.. yourself"
            )
        names += [f"debate?scale={scale}&members=[{members}]{personas}" for scale in scales]
    return names


def refuse_twice(names: Sequence[str]) -> None:
    """BadInput where a judge is named twice: in a jury it would have two votes."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadInput(
                f'judge "{name[-80:]}" is named twice; give each judge once, or tell them apart by ?seed='
            )
        seen.add(name)
