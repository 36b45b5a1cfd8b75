"""The random search carried out on a judge that gives log-probabilities: which queries it is asked, in which pieces a prefix is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from winsome.audit.null_model import structured
from winsome.audit.people import Pair, said
from winsome.audit.random_search import Found, Heard, label_loss, trials
from winsome.errors import Unsupported
from winsome.judges import templates
from winsome.records import Prompt, Response, Usage, total

if TYPE_CHECKING:
    from winsome.judges.pairwise import Pairwise

LABELS: dict[str, tuple[str, str]] = {"letter": ("A", "B"), "alpaca_eval": ("m", "M")}
"""Protocols whose verdict is read from the probabilities of two labels -> the labels by seat."""
READ_BY = "smollm2-135m"
"""The model whose tokens prefixes are made of, where the judge's own are not on this machine."""


@dataclass(frozen=True)
class Pieces:
    """The texts that a prefix is made of, what joins them, and the place of the one that it starts from."""

    texts: tuple[str, ...]
    joint: str
    start: int

    def written(self, places: Sequence[int]) -> str:
        return self.joint.join([self.texts[place] for place in places])


@dataclass(frozen=True)
class Searched:
    """The attack that was found, how, and what it cost. turned: its form; `left_out`: the budget ended it."""

    text: str
    turned: bool
    found: Found
    usage: Usage
    left_out: bool


def searchable(judge: Any) -> Pairwise:
    """The judge, if its log-probabilities can be searched on; Unsupported with the way out where not."""
    protocol = getattr(judge, "protocol", None)
    if protocol is None or protocol.name not in LABELS or not judge.sampling.logprobs:
        raise Unsupported(
            f"{judge.name}: gives no log-probabilities of its labels to search on; take --attack structured"
        )
    return judge


def pieces_of(judge: Pairwise) -> Pieces:
    """The tokens of the judge's model that are printable text, or of an embedded model for one elsewhere."""
    from transformers import AutoTokenizer

    from winsome.models.fetch import PACKAGES, folder

    inner: Any = getattr(judge.model, "inner", judge.model)
    weights: str = getattr(inner, "weights", READ_BY)
    tokenizer: Any = AutoTokenizer.from_pretrained(str(folder(weights)) if weights in PACKAGES else weights)
    special = set(tokenizer.all_special_ids)
    found = [tokenizer.decode([id]) for id in range(len(tokenizer)) if id not in special]
    texts = tuple(dict.fromkeys(text for text in found if text.strip() and text.isprintable() and "\ufffd" not in text))  # fmt: skip
    joint = "" if any(text.startswith(" ") for text in texts) else " "
    start = next((k for brace in (" }", "}") for k, text in enumerate(texts) if text == brace), 0)
    return Pieces(texts, joint, start)


async def searched(
    judge: Pairwise, pairs: Sequence[Pair], pieces: Pieces, *, length: int, steps: int, seed: int
) -> Searched:
    """The structured attack with the prefix of `length` pieces that random search found against `pairs`' second answers, both seats.

    Of the two forms of the attack the one with the smaller loss on these pairs is taken. Every trial is asked through the judge's own
    model and kept, so the same search goes on where it was ended.
    """
    labels = LABELS[judge.protocol.name]
    queries = [(pair, seat) for pair in pairs for seat in (0, 1)]
    sampling = replace(judge.sampling, max_tokens=1)
    usages: list[Usage] = []

    async def ask(text: str, count: int) -> Heard | None:
        asked = [shown(judge, pair, text, seat) for pair, seat in queries[:count]]
        once = list({prompt.id: prompt for prompt in asked}.values())
        got = {response.prompt: response async for response in judge.model.answer(once, sampling)}
        usages.extend(response.usage for response in got.values())
        if any(prompt.id not in got for prompt in asked):
            return None
        return [_loss(judge, got[p.id], labels, seat) for p, (_, seat) in zip(asked, queries, strict=False)]

    turned, forms = False, list[float]()
    for form in (False, True):
        heard = await ask(structured(judge.template, turned=form), len(queries))
        forms.append(float("inf") if heard is None else sum(loss for loss, _ in heard))
        turned = forms[-1] < forms[0]
    going = trials(len(pieces.texts), [pieces.start] * length, steps=steps, most=len(queries), seed=seed)
    heard = None
    try:
        tried = next(going)
        while True:
            heard = await ask(structured(judge.template, pieces.written(tried[0]), turned), tried[1])
            tried = going.send(heard)
    except StopIteration as end:
        found: Found = end.value
    text = structured(judge.template, pieces.written(found.tokens), turned)
    return Searched(text, turned, found, total(usages), heard is None)


def shown(judge: Pairwise, pair: Pair, text: str, seat: int) -> Prompt:
    """The judge's prompt with the attack in `seat` and the pair's second answer in the other."""
    attack, rival = said(pair.prompt, "attack", text), pair.answers[1]
    sides = (attack, rival) if seat == 0 else (rival, attack)
    fence = templates.fence(pair.prompt, sides) if judge.template.fenced else ""
    return judge.template.render(pair.prompt, sides, fence)


def _loss(judge: Pairwise, response: Response, labels: tuple[str, str], seat: int) -> tuple[float, bool]:
    top = response.tokens.top if response.tokens is not None else ()
    if not top and response.finish != "failed" and not response.text:
        return label_loss({}, labels, labels[seat])  # the model ended its turn at once
    if not top:
        why = response.error or "no log-probabilities came back"
        raise Unsupported(f"{judge.model.name}: {why[:80]}; take --attack structured, or another server")
    return label_loss(top[0], labels, labels[seat])
