"""Recorded answers put beside the prompts of a suite: by id, else by words and occurrence, else by place."""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from winsome.errors import BadInput
from winsome.ledger.formats import Answer, users
from winsome.ledger.formats.complaints import WIDTH, complaint, refuse, shown
from winsome.records import Prompt

Match = Literal["auto", "id", "text", "position"]
Words = tuple[str, ...]
Key = tuple[str | None, Words]
"""What draws are found by: the system text and the user turns of a prompt."""

NAME = 36
"""Characters of the message that are left to the file's name and to punctuation."""
NEAR = 400
"""Characters of two prompts that are compared in search of the nearest; longer ones differ early or not at all."""


Record = list[Answer]
"""The samples of one record, in their order."""
Draws = Sequence[Answer | None]


@dataclass(frozen=True)
class Alignment:
    """`draws`: the answers of a prompt in the order of draws, None where one is missing; `missing`: places in the suite

    without an answer, and why (empty: the file does not know the prompt); `unused`: records that no prompt took.
    """

    draws: Mapping[Key, Draws]
    wanted: int
    missing: Sequence[tuple[int, str]]
    unused: int

    @property
    def matched(self) -> int:
        return self.wanted - len(self.missing)


def key_of(prompt: Prompt) -> Key:
    return prompt.system, users(prompt)


def align(path: Path, prompts: Sequence[Prompt], answers: Sequence[Answer], match: Match) -> Alignment:
    """Which answers belong to which prompts.

    auto: by id where all prompts have one and the file has some of them, else by the words of the user turns. The k-th
    occurrence of a prompt takes its k-th record; further records and samples are further draws.
    Raises BadInput where ids contradict themselves, or where `match` asks for what the file lacks.
    """
    _check_ids(path, answers)
    records = _records(answers)
    chosen = _chosen(path, prompts, records, match)
    if chosen == "position":
        found = _by_position(path, prompts, records)
    else:
        found = _by_id(prompts, records) if chosen == "id" else _by_text(prompts, records)
    missing: list[tuple[int, str]] = []
    occurrences: dict[Key, list[Draws]] = {}
    for place, (prompt, record) in enumerate(zip(prompts, found, strict=True)):
        why = record if isinstance(record, str) else _lacks(prompt, record)
        if why is not None:
            missing.append((place, why))
        # An occurrence without an answer keeps its place, so that the next one does not move up.
        held: Draws = [None] if why is not None or isinstance(record, str) else record
        occurrences.setdefault(key_of(prompt), []).append(held)
    used = {answer.record for record in found if not isinstance(record, str) for answer in record}
    draws = {key: _in_turn(held) for key, held in occurrences.items()}
    return Alignment(
        draws, len(prompts), missing, unused=len({answer.record for answer in answers}) - len(used)
    )


def _records(answers: Sequence[Answer]) -> list[Record]:
    """Answers of one record together; a later sample with a record of its own joins the one that has sample 0."""
    records: dict[int, Record] = {}
    first: dict[tuple[str | None, Key | None], int] = {}
    for answer in sorted(answers, key=lambda a: (a.sample, a.record)):
        name = (answer.item, None if answer.prompt is None else key_of(answer.prompt))
        home = answer.record
        if answer.sample > 0 and home not in records:
            home = first.get(name, home)
        first.setdefault(name, home)
        records.setdefault(home, []).append(answer)
    return [records[place] for place in sorted(records)]


def _check_ids(path: Path, answers: Sequence[Answer]) -> None:
    """An id may come back as another sample of its prompt, never with another prompt, nor with other words as the same sample."""
    seen: dict[str, Answer] = {}
    drawn: dict[tuple[str, int], Answer] = {}
    for answer in answers:
        if answer.item is None:
            continue
        before = drawn.setdefault((answer.item, answer.sample), answer)
        if before.turns != answer.turns and _same_words(before, answer):
            told = f"record {answer.record} has id {shown(answer.item)}, as record {before.record} has"
            refuse(path, f'{told}, with another answer; drop one, or number the draws in a field "sample"')
        if answer.prompt is None:
            continue
        first = seen.setdefault(answer.item, answer)
        if first.prompt is not None and users(first.prompt) != users(answer.prompt):
            other = f"with another prompt in record {first.record}"
            refuse(
                path,
                f"record {answer.record} has id {shown(answer.item)}, which stands {other}; correct one of them",
            )


def _same_words(one: Answer, other: Answer) -> bool:
    """Whether two answers are to the same user turns, as far as they say."""
    return one.prompt is None or other.prompt is None or users(one.prompt) == users(other.prompt)


def _chosen(path: Path, prompts: Sequence[Prompt], records: Sequence[Record], match: Match) -> Match:
    ids = {record[0].item for record in records} - {None}
    worded = any(record[0].prompt is not None for record in records)
    known = all(prompt.item is not None for prompt in prompts) and any(
        prompt.item in ids for prompt in prompts
    )
    if match == "auto":
        return "id" if known or not worded else "text"
    if match == "id" and not known:
        refuse(path, "shares no id with the suite; use ?match=text, or give both files the same ids")
    if match == "text" and not worded:
        refuse(path, "holds no prompts to match by; use ?match=id or ?match=position")
    return match


def _by_position(path: Path, prompts: Sequence[Prompt], records: Sequence[Record]) -> Sequence[Record | str]:
    if len(prompts) != len(records):
        refuse(
            path, f"has {len(records)} records for {len(prompts)} prompts; match=position needs equal numbers"
        )
    return records


def _by_id(prompts: Sequence[Prompt], records: Sequence[Record]) -> list[Record | str]:
    by_item: dict[str | None, list[Record]] = {}
    for record in records:
        by_item.setdefault(record[0].item, []).append(record)
    found = _taken([prompt.item for prompt in prompts], by_item)
    for place, (prompt, record) in enumerate(zip(prompts, found, strict=True)):
        if record == "":
            near = difflib.get_close_matches(prompt.item or "", [item for item in by_item if item], 1, 0.6)
            hint = f", nearest {shown(near[0])}" if near else ""
            found[place] = f"no id {shown(prompt.item)}{hint}"
        elif not isinstance(record, str) and (other := _other_prompt(prompt, record)) is not None:
            found[place] = f"record {record[0].record} has id {shown(prompt.item, 20)} but its prompt {other}"
    return found


def _other_prompt(prompt: Prompt, record: Record) -> str | None:
    """In what the record's prompt differs from the one that has its id; None where it does not or is not there."""
    told = (users(answer.prompt) for answer in record if answer.prompt is not None)
    return next((difference(users(prompt), words) for words in told if words != users(prompt)), None)


def _by_text(prompts: Sequence[Prompt], records: Sequence[Record]) -> list[Record | str]:
    exact: dict[Key | Words, list[Record]] = {}
    loose: dict[Key | Words, list[Record]] = {}
    for record in records:
        prompt = record[0].prompt
        if prompt is not None:
            exact.setdefault(key_of(prompt), []).append(record)
            loose.setdefault(users(prompt), []).append(record)
    # Files of answers seldom repeat the system text, so words alone decide where no record has both.
    names = [key if (key := key_of(prompt)) in exact else users(prompt) for prompt in prompts]
    return _taken(names, {**loose, **exact})


def _taken(names: Sequence[Any], groups: Mapping[Any, list[Record]]) -> list[Record | str]:
    """The records of every name; where it stands n times, its k-th occurrence takes records k, k + n, k + 2n ..

    A text in place of a record says why there is none; empty: the file does not know the name.
    """
    times, taken = Counter(names), Counter[Any]()
    found: list[Record | str] = []
    for name in names:
        candidates, k = groups.get(name, []), taken[name]
        taken[name] += 1
        if k < len(candidates):
            even = len(candidates) % times[name] == 0
            share = candidates[k :: times[name]] if even else [candidates[k]]
            found.append([answer for record in share for answer in record])
        else:
            told = f"stands {times[name]} times in the suite, {len(candidates)} in the file"
            found.append(told if candidates else "")
    return found


def _in_turn(occurrences: Sequence[Draws]) -> Draws:
    """First the first sample of every occurrence, then the second ones: the k-th occurrence is draw k."""
    longest = max(map(len, occurrences), default=0)
    return [samples[s] for s in range(longest) for samples in occurrences if s < len(samples)]


def _lacks(prompt: Prompt, record: Record) -> str | None:
    """What keeps a record from answering its prompt; None where nothing does."""
    for answer in record:
        if answer.turns is None:
            return f"record {answer.record} has no answer"
        if turns_for(prompt, answer) is None:
            return f"record {answer.record} has {len(answer.turns)} turns, the prompt asks {1 + len(prompt.follow_ups)}"
    return None


def turns_for(prompt: Prompt, answer: Answer) -> Words | None:
    """The answer's words, one text a turn that the prompt asks; None where the file has another number of turns."""
    wanted = 1 + len(prompt.follow_ups)
    if answer.turns is None or len(answer.turns) == wanted:
        return answer.turns
    if answer.prompt is not None and len(answer.turns) == 1:
        said = [message.text for message in answer.prompt.messages if message.role == "assistant"]
        turns = (*said, *answer.turns)
        return turns[-wanted:] if len(turns) >= wanted else None
    return None


def difference(wanted: Words, found: Words) -> str:
    """What two prompts differ in, in a few words."""
    if len(wanted) != len(found):
        return f"{len(found)} user turns instead of {len(wanted)}"
    a, b = next(((a, b) for a, b in zip(wanted, found, strict=True) if a != b), ("", ""))
    if a.rstrip() == b.rstrip():
        return "differs in trailing space"
    if a.strip() == b.strip():
        return "differs in leading space"
    if a.replace("\r\n", "\n") == b.replace("\r\n", "\n"):
        return "differs in line ends"
    if "".join(a.split()) == "".join(b.split()):
        return "differs in white space"
    if unicodedata.normalize("NFKC", a) == unicodedata.normalize("NFKC", b):
        return "differs in Unicode form"
    if a.casefold() == b.casefold():
        return "differs in letter case"
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return f"differs at character {at + 1}: {shown(b[at : at + 8], 8)} for {shown(a[at : at + 8], 8)}"


def nearest(prompt: Prompt, answers: Sequence[Answer]) -> tuple[Answer, str] | None:
    """The recorded answer whose prompt comes nearest, and what differs; None where none is near."""
    wanted = users(prompt)
    told = [(answer, users(answer.prompt)) for answer in answers if answer.prompt is not None]
    folded = _folded(wanted)
    for answer, words in told:
        if _folded(words) == folded:
            return answer, difference(wanted, words)
    texts = {"\n".join(words)[:NEAR]: answer for answer, words in reversed(told)}
    close = difflib.get_close_matches("\n".join(wanted)[:NEAR], texts, 1, 0.6)
    if not close:
        return None
    answer = texts[close[0]]
    return answer, difference(wanted, users(answer.prompt)) if answer.prompt else ""


def _folded(words: Words) -> str:
    return "".join(unicodedata.normalize("NFKC", "".join(words)).casefold().split())


def mismatch(
    path: Path, prompts: Sequence[Prompt], answers: Sequence[Answer], alignment: Alignment
) -> BadInput:
    """The error for prompts without an answer: how many match, the first that does not, the nearest record."""
    place, why = alignment.missing[0]
    if not why:
        near = nearest(prompts[place], answers)
        told = "nothing near" if near is None else f"nearest record {near[0].record} {near[1]}"
        why = f"{shown(prompts[place].text, 20)}, {told}"
    counts = f"{alignment.matched} of {alignment.wanted} match; {len(alignment.missing)} do not, first: prompt {place + 1}"
    way = "add ?allow_missing=true to go on"
    room = WIDTH - NAME - len(counts) - len(way)
    return BadInput(complaint(path, f"{counts} {why[:room]}; {way}"))
