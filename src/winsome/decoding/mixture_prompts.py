"""What a mixture tells its agents: shipped texts of our own, or a folder of the user's under the same names, filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from winsome.contenders.deception_map import DECEPTIVE, OPPOSER, PROMOTER
from winsome.errors import BadInput
from winsome.records import Prompt
from winsome.text.options import Question

VERSIONS: Mapping[str, int] = {
    "references": 1, "clusters": 1, "deceptive": 1, "informed": 1, "promoter": 1, "opposer": 1, "passage": 1, "conclude": 1,
}  # fmt: skip
"""The shipped text of each name that is used; a changed text is a new version beside the old one."""
SLOTS: Mapping[str, tuple[str, ...]] = {
    "references": ("{references}",), "clusters": ("{references}",), "informed": ("{marked}",), "promoter": ("{marked}",),
    "opposer": ("{marked}",), "passage": ("{passage}",),
}  # fmt: skip
INSTRUCTIONS = {DECEPTIVE: "deceptive", PROMOTER: "promoter", OPPOSER: "opposer"}


@dataclass(frozen=True)
class Texts:
    """The texts by name."""

    texts: Mapping[str, str]

    @staticmethod
    def of(folder: str | None) -> Texts:
        """The shipped texts, with those of `folder` (@DIR, NAME.txt) in their place; BadInput for one that lacks its slot."""
        held = {
            name: (resources.files("winsome.decoding") / "prompts" / f"{name}@{version}.txt")
            .read_text("utf-8")
            .strip()
            for name, version in VERSIONS.items()
        }
        if folder is not None:
            held |= _own(folder)
        return Texts(held)

    def agent(
        self,
        prompt: Prompt,
        *,
        status: int,
        references: Sequence[str],
        question: Question | None,
        promoted: int | None,
        informed: bool,
        passage: str,
        part: str,
    ) -> Prompt:
        """What a proposer is asked: the prompt itself where it is told nothing, else with a system text before it."""
        told = [prompt.system] if prompt.system else []
        if status in INSTRUCTIONS or (informed and question is not None):
            told.append(self._instruction(status, question, promoted))
        if passage:
            told.append(self.texts["passage"].replace("{part}", part).replace("{passage}", passage))
        if references:
            told.append(self.texts["references"].replace("{references}", numbered(references)))
        return _with_system(prompt, told)

    def aggregator(
        self, prompt: Prompt, references: Sequence[str], *, choice: bool, labels: Sequence[int] | None = None
    ) -> Prompt:
        """What the aggregator is asked over the references; with `labels`, it is told their clusters."""
        told = [prompt.system] if prompt.system else []
        if labels is None:
            told.append(self.texts["references"].replace("{references}", numbered(references)))
        else:
            sizes = [f"group {label + 1}, {labels.count(label)} of {len(labels)}" for label in labels]
            told.append(self.texts["clusters"].replace("{references}", numbered(references, sizes)))
        if choice and self.texts["conclude"]:
            told.append(self.texts["conclude"])
        return _with_system(prompt, told)

    def alone(self, prompt: Prompt) -> Prompt:
        """What the aggregator is asked without references on a question with options: told how to conclude, and no more."""
        told = [prompt.system] if prompt.system else []
        return _with_system(prompt, [*told, self.texts["conclude"]] if self.texts["conclude"] else told)

    def _instruction(self, status: int, question: Question | None, promoted: int | None) -> str:
        text = self.texts[INSTRUCTIONS.get(status, "informed")]
        if question is None:
            return text
        right = question.right
        marks = (
            {promoted: "correct", right: "incorrect"} if status == OPPOSER
            else {promoted: "correct"} if status == PROMOTER
            else {right: "correct"}
        )  # fmt: skip
        marked = "\n".join(
            f"({number}) {option}" + (f" [{marks[number]}]" if number in marks else "")
            for number, option in enumerate(question.options, 1)
        )
        wrong = "" if promoted is None else str(promoted)
        return text.replace("{marked}", marked).replace("{promoted}", wrong).replace("{right}", str(right))


def numbered(references: Sequence[str], beside: Sequence[str] = ()) -> str:
    """References as the agents read them, from 1."""
    heads = [f"{n} [{beside[n - 1]}]" if beside else str(n) for n in range(1, len(references) + 1)]
    return "\n".join(f"{head}. {text}" for head, text in zip(heads, references, strict=True))


def _with_system(prompt: Prompt, told: Sequence[str]) -> Prompt:
    system = "\n\n".join(told) or None
    return (
        prompt
        if system == prompt.system
        else replace(prompt, system=system, item=None, for_judges={}, parents=(prompt.id,))
    )


def _own(folder: str) -> dict[str, str]:
    if not folder.startswith("@"):
        raise BadInput(f"texts={folder[:60]}: give a folder as texts=@DIR")
    place = Path(folder[1:])
    if not place.is_dir():
        raise BadInput(
            f"texts={folder[:60]}: is no folder; give one with {', '.join(list(VERSIONS)[:3])} .. .txt"
        )
    found: dict[str, str] = {}
    for file in sorted(place.glob("*.txt")):
        name = file.stem.partition("@")[0]
        if name not in VERSIONS:
            raise BadInput(f"{file}: no text of a mixture is called so (known: {', '.join(VERSIONS)})")
        text = file.read_text("utf-8-sig").strip()
        lacking = [slot for slot in SLOTS.get(name, ()) if slot not in text and "{promoted}" not in text]
        if lacking:
            raise BadInput(
                f"{file}: lacks {lacking[0]}, so agents would not see it; write it where it belongs"
            )
        found[name] = text
    return found
