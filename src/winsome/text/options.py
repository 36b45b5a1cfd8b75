"""Questions with numbered options: what a prompt says of them, which option a text decides for, pieces of a passage."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from itertools import pairwise

from winsome.errors import BadInput
from winsome.given import is_listed
from winsome.records import Prompt

_NUMBER = re.compile(r"\((\d)\)")
_DECIDED = re.compile(r"answer\W{0,6}(?:is\W{0,6})?(?:option\W{0,4})?\(?(\d)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Question:
    """`right` counts options from 1. passage: what agents may read and the aggregator may not; "" where there is none."""

    options: tuple[str, ...]
    right: int
    passage: str = ""

    @staticmethod
    def of(prompt: Prompt) -> Question | None:
        """What stands beside the prompt as options, gold_label (a number, from 1) and passage; None for an open task.

        Raises BadInput where the label is none of the options.
        """
        held = prompt.for_judges
        if "options" not in held:
            return None
        options, right = held["options"], held.get("gold_label")
        named = prompt.item or prompt.text[:30]
        if not is_listed(options) or not 2 <= len(options) <= 9:
            raise BadInput(f'prompt "{named}": options is no list of 2 to 9 texts; give one')
        if not isinstance(right, int) or not 1 <= right <= len(options):
            raise BadInput(f'prompt "{named}": gold_label {str(right)[:20]} is no option; give a number, 1 to {len(options)}')  # fmt: skip
        return Question(tuple(str(option) for option in options), right, str(held.get("passage") or ""))

    def promoted(self, prompt: Prompt, seed: int) -> int:
        """The wrong option that deceivers argue for, drawn by seed and prompt, from 1."""
        wrong = [number for number in range(1, len(self.options) + 1) if number != self.right]
        return random.Random(f"promoted/{seed}/{prompt.id}").choice(wrong)


def decided(text: str, options: int) -> int | None:
    """The option that a text decides for, from 1: the last "answer: (2)", else the one option it names; None where unclear."""
    said = _DECIDED.findall(text)[-1:] or sorted(set(_NUMBER.findall(text)))
    return int(said[0]) if len(said) == 1 and 1 <= int(said[0]) <= options else None


def first_number(text: str) -> int | None:
    """The first "(digit)" of a text, whatever it is about: the published rule."""
    found = _NUMBER.search(text)
    return int(found.group(1)) if found else None


def pieces(passage: str, k: int) -> list[str]:
    """The passage cut into `k` pieces that join to it, of lengths that differ by at most 1; BadInput where it is shorter."""
    if len(passage) < k:
        raise BadInput(
            f"a passage of {len(passage)} characters cannot be cut into {k} pieces; give passage=full, or a longer one"
        )
    cuts = [len(passage) * i // k for i in range(k + 1)]
    return [passage[a:b] for a, b in pairwise(cuts)]
