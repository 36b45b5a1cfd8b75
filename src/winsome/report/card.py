"""A judge's card, for the terminal and as a part of the report's section on the judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.report.markup import Markup, el, join, name
from winsome.report.tables import cell, how, row, table, th

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

Card = Mapping[str, Any]
Figure = Mapping[str, Any] | None


@dataclass(frozen=True)
class Line:
    """One figure of a card as it is shown: its name, value, interval, and the n it rests on."""

    title: str
    value: str
    interval: str
    n: str


def lines(card: Card) -> list[Line]:
    """The figures of a card in reading order; what was not measured is left out."""
    agreed, people = card["agreement"], card["agreement"]["people"] or {}
    position, length, ties = card["position"] or {}, card["length"], card["ties"]
    found = [
        _rate("agrees with a vote that names a side", agreed["accuracy"]),
        _rate("  two people who name a side agree", people.get("accuracy")),
        _rate("agrees with the majority that names a side", agreed["majority_accuracy"]),
        _rate("same label as a vote, ties included", agreed["same_label"]),
        _rate("  two people have the same label", people.get("same_label")),
        _coefficient("Cohen kappa with single votes", agreed["cohen_kappa"]),
        _coefficient("  Fleiss kappa of people", people.get("fleiss_kappa")),
        _coefficient("Krippendorff alpha with the judge as one more rater", agreed["krippendorff_alpha"]),
        _coefficient("  Krippendorff alpha of people", people.get("krippendorff_alpha")),
        _rate("the answer seen first wins", position.get("first_seat")),
        _count("  changes its mind with the order", position.get("flips")),
        _rate("the longer answer wins, by the judge", length["judge"]),
        _rate("  by people", length["people"]),
        _rate("  difference, points", length["judge_minus_people"], signed=True),
        _rate("ties, by the judge", ties["judge"]),
        _rate("  by people", ties["people"]),
        _rate("same label when asked again", card["consistency"]),
    ]
    return [line for line in found if line is not None]


def _rate(title: str, figure: Figure, *, signed: bool = False) -> Line | None:
    if figure is None or figure["estimate"] is None:
        return None
    sign = "+" if signed else ""
    low, high = 100 * figure["low"], 100 * figure["high"]
    value = f"{100 * figure['estimate']:{sign}.1f}{'' if signed else '%'}"
    return Line(title, value, f"{low:{sign}.1f} to {high:{sign}.1f}", _n(figure))


def _coefficient(title: str, figure: Figure) -> Line | None:
    if figure is None or figure["estimate"] is None:
        return None
    interval = "–" if figure["low"] is None else f"{figure['low']:.2f} to {figure['high']:.2f}"
    return Line(title, f"{figure['estimate']:.2f}", interval, _n(figure))


def _count(title: str, found: Mapping[str, int] | None) -> Line | None:
    if not found or not found["of"]:
        return None
    return Line(
        title,
        f"{100 * found['count'] / found['of']:.1f}%",
        "",
        f"{found['count']:,} of {found['of']:,} pairs",
    )


def _n(figure: Mapping[str, Any]) -> str:
    rough = ", few clusters: rough" if figure["few"] else ""
    return f"{figure['items']:,} in {figure['n']:,} clusters{rough}"


def head(card: Card) -> str:
    """Which judge, against whose votes."""
    against = card["against"]
    people = f" by {against['annotators']:,} people" if against["annotators"] else ""
    return (
        f"{against['votes']:,} votes{people} on {against['pairs']:,} pairs of {against['prompts']:,} prompts "
        f"({against['name']})"
    )


def verdict(card: Card) -> str:
    """The card in one sentence: better than a coin, and how far from people."""
    figure, people = card["agreement"]["accuracy"], card["agreement"]["people"]
    if figure is None:
        return "No vote names a side, so agreement on sides is not measured."
    low, high = 100 * figure["low"], 100 * figure["high"]
    said = f"Agrees with {100 * figure['estimate']:.1f}% of votes that name a side ({low:.1f} to {high:.1f})"
    if low > 50:
        said += ", more than a coin"
    elif high < 50:
        said += ", less than a coin"
    else:
        said += ", not told from a coin"
    ceiling = people and people["accuracy"]
    return f"{said}; two people agree on {100 * ceiling['estimate']:.1f}%." if ceiling else f"{said}."


def also(card: Card) -> list[str]:
    """A sentence for each further set of votes that a card was measured against."""
    return [f"Also against {head(other)}: {verdict(other)}" for other in card.get("others", ())]


def cost(card: Card) -> str:
    """What one verdict costs."""
    found = card["cost"]
    if found["verdicts"] is None:
        return "The verdicts were recorded elsewhere; what they cost is not known."
    usd = (
        "price unknown"
        if found["money"] is None
        else f"{found['money']:.5f} usd"
        if found["money"]
        else "no charge"
    )
    seconds = "" if found["seconds"] is None else f", {found['seconds']:.2f} seconds"
    tokens = found["tokens_in"] + found["tokens_out"]
    return f"A verdict costs {usd}{f', {tokens:,.0f} tokens' if tokens else ''}{seconds}."


def left_out(card: Card) -> str:
    """Pairs that the figures leave out, in words; empty where there are none."""
    others = [f"{count:,} {what}" for what, count in card["outcomes"].items() if what != "judged" and count]
    return f"Pairs left out: {', '.join(others)}." if others else ""


@dataclass(frozen=True)
class CardPage:
    """A card for the terminal."""

    card: Card

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.padding import Padding
        from rich.text import Text

        card = self.card
        yield Text(card["judge"]["label"], style="bold")
        yield Text(head(card), style="dim")
        if card["judge"]["note"]:
            yield Text(f"! {card['judge']['note']}", style="yellow")
        level = f"{100 * card['level']:g}% interval"
        yield Padding(
            _rich(("", "", level, "n"), [(x.title, x.value, x.interval, x.n) for x in lines(card)]), (1, 0)
        )
        bins = card["calibration"]["bins"]
        if bins:
            rows = [
                (
                    f"{100 * b['said']:.0f}%",
                    f"{100 * b['estimate']:.1f}%",
                    f"{100 * b['low']:.1f} to {100 * b['high']:.1f}",
                    _n(b),
                )
                for b in bins
            ]
            yield Text(
                f"Calibration, mean distance {100 * card['calibration']['error']:.1f} points", style="bold"
            )
            yield Padding(_rich(("the judge says", "votes agree", level, "n"), rows), (0, 0, 1, 0))
        if card["groups"]:
            yield Padding(_rich(("", "accuracy", level, "n"), list(_groups(card))), (0, 0, 1, 0))
        for line in (left_out(card), cost(card), verdict(card), *also(card)):
            if line:
                yield Text(line)


def _groups(card: Card) -> Iterator[tuple[str, str, str, str]]:
    for group in card["groups"]:
        line = _rate(f"{group['by']} {group['label']}", group["accuracy"])
        if line is not None:
            yield line.title, line.value, line.interval, line.n


def _rich(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> RenderableType:
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for place, title in enumerate(heads):
        made.add_column(title, justify="right" if place in (1, 2) else "left", overflow="fold")
    for line in rows:
        made.add_row(*line)
    return made


def section(card: Card) -> Markup:
    """The card as a part of the report's section on its judge."""
    level = f"{100 * card['level']:g}% interval"
    rows = [
        row(
            line.title.strip(),
            cell(line.value, "", "num strong"),
            cell(line.interval, level, "num whole"),
            cell(line.n, "n", "num"),
        )
        for line in lines(card)
    ]
    bins = [
        row(
            f"{100 * b['said']:.0f}%",
            cell(f"{100 * b['estimate']:.1f}%", "votes agree", "num strong"),
            cell(f"{100 * b['low']:.1f} to {100 * b['high']:.1f}", level, "num whole"),
            cell(_n(b), "n", "num"),
        )
        for b in card["calibration"]["bins"]
    ]
    heads = (th("", ""), th("", "num"), th(level, "num"), th("n", "num"))
    return join(
        el("p", verdict(card), " ", name(left_out(card)), class_="note"),
        [el("p", name(line), class_="note") for line in also(card)],
        table(f"Card: {head(card)}", ("figure", *heads[1:]), rows, "stack card"),
        table("Calibration", ("the judge says", th("votes agree", "num"), *heads[2:]), bins, "stack card")
        if bins
        else None,
        how(
            "Votes that name a side: a tie of the judge counts a half, so that a coin has 50%. Indented rows of the terminal page are "
            "the same figure for two people, the ceiling of what a judge can reach.",
            f"Intervals are over clusters ({card['cluster']}): what votes of one cluster have in common is counted once.",
            cost(card),
        ),
    )
