"""WildBench v2: 1,024 tasks of real users, each with a checklist of its own; WB-Score, or WB-Reward against three references.

Source: Lin et al. 2024; github.com/allenai/WildBench. A task counts in every group that one of its tags maps to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from winsome.errors import BadInput
from winsome.ledger.formats.complaints import refuse, shown
from winsome.ledger.formats.fields import items, label, mapping, wrong
from winsome.ledger.formats.reading import Source, read
from winsome.ledger.formats.tables import conversation
from winsome.records import Prompt, Suite
from winsome.suites.card import Card

REFERENCES = ("gpt-4-turbo-2024-04-09", "claude-3-haiku-20240307", "Llama-2-70b-chat-hf")

GROUPS: Mapping[str, str] = {
    "Information seeking": "Information/Advice seeking",
    "Advice seeking": "Information/Advice seeking",
    "Creative Writing": "Creative Tasks",
    "Editing": "Creative Tasks",
    "Brainstorming": "Creative Tasks",
    "Role playing": "Creative Tasks",
    "Others": "Creative Tasks",
    "Coding & Debugging": "Coding & Debugging",
    "Planning": "Planning & Reasoning",
    "Reasoning": "Planning & Reasoning",
    "Math": "Math & Data Analysis",
    "Data Analysis": "Math & Data Analysis",
}
"""Tag -> group."""

WEIGHTS: Mapping[str, float] = {
    "Information/Advice seeking": 0.75,
    "Creative Tasks": 0.5,
    "Coding & Debugging": 1.25,
    "Planning & Reasoning": 1.25,
    "Math & Data Analysis": 1.0,
}
"""Group -> its weight in the macro figure."""

CARD = Card(
    "wildbench",
    "1,024 tasks of real users with checklists, WB-Score or WB-Reward",
    licence="AI2 ImpACT / ODC-BY",
    source="allenai/WildBench v2",
    get="save the v2 test split of allenai/WildBench as JSON lines",
    prompts=1024,
    judge="checklist?metric=score",
    figure="wb-score",
)
CARDS = (CARD,)


def wildbench(
    *,
    path: str = "",
    metric: Literal["score", "reward"] = "score",
    refs: tuple[str, ...] = REFERENCES,
    length_margin: int = 500,
    checklist: Literal["on", "off"] = "on",
) -> Suite:
    """WildBench on the tasks in `path` (session_id, conversation_input, checklist, primary_tag, secondary_tags).

    metric: score grades each answer alone from 1 to 10; reward compares with every contender in `refs`, and slight wins by more than
    `length_margin` characters become ties (-1: never). checklist off leaves the checklists out of the judge's prompt.
    """
    file = CARD.file(path)
    check_margin(length_margin)
    prompts = tasks(read(file), needs_checklist=checklist == "on")
    judge = f"checklist?checklist={checklist}&metric={metric}"
    if metric == "score":
        return CARD.suite(file, prompts, judge=judge, empty="judge", equal="judge")
    figure = f"wb-reward:{length_margin}"
    return CARD.suite(
        file, prompts, judge=judge, baseline=refs, figure=figure, orders=1, empty="judge", equal="judge"
    )


def check_margin(margin: int) -> None:
    """BadInput for a length margin that is neither -1 nor a number of characters from 0."""
    if margin < -1:
        raise BadInput(f"length_margin={margin}: give characters from 0, or -1 for no margin")


def tasks(source: Source, *, needs_checklist: bool = True) -> list[Prompt]:
    """A prompt a record of the original format; BadInput for one without tag or checklist, or with a tag that has no group."""
    return [_task(source, place, needs_checklist) for place in range(len(source.rows))]


def _task(source: Source, place: int, needs_checklist: bool) -> Prompt:
    row = source.rows[place]
    item = label(source, place, "session_id", "id")
    turns: Any = row.get("conversation_input", row.get("messages"))
    system, messages, answer = conversation(source, place, turns)
    if answer is not None:
        wrong(source, place, "ends with an assistant's turn; end with the user's query")
    notes: dict[str, Any] = {}
    checklist = [text for text in items(row.get("checklist")) if isinstance(text, str) and text.strip()]
    if checklist:
        notes["checklist"] = checklist
    elif needs_checklist:
        wrong(source, place, 'has no "checklist"; add its questions, or use checklist=off')
    groups = groups_of(source, place, mapping(row))
    return Prompt(
        tuple(messages),
        system=system,
        facets={"category": groups[0], "groups": "; ".join(groups), "primary_tag": str(row["primary_tag"])},
        for_judges=notes,
        item=item,
    )


def groups_of(source: Source, place: int, row: Mapping[str, Any]) -> list[str]:
    """The groups of a task, that of its primary tag first, each once."""
    primary = row.get("primary_tag")
    if not isinstance(primary, str) or not primary:
        wrong(source, place, 'has no "primary_tag"; add one of the 12 tags')
    tags: Sequence[Any] = [primary, *items(row.get("secondary_tags"))]
    for tag in tags:
        if tag not in GROUPS:
            refuse(
                source.path,
                f"record {place + 1} has tag {shown(tag)}, which has no group; use one of the 12 tags",
            )
    return list(dict.fromkeys(GROUPS[tag] for tag in tags))


def macro(figures: Mapping[str, float]) -> float:
    """The weighted mean of the groups' figures; BadInput where a group is missing or unknown."""
    odd = sorted(set(figures) ^ set(WEIGHTS))
    if odd:
        raise BadInput(
            f"macro figure: group {odd[0]} is missing or unknown; give all of {', '.join(WEIGHTS)[:90]}"
        )
    return sum(WEIGHTS[name] * figures[name] for name in WEIGHTS) / sum(WEIGHTS.values())
