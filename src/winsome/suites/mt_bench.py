"""MT-Bench: 80 questions of two turns in eight categories, graded alone from 1 to 10 or compared in both orders.

Source: Zheng et al. 2023; github.com/lm-sys/FastChat. Here a dialogue is graded as a whole, its last turn weighted most; the published
figure is the mean of a grade a turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from winsome.ledger import formats
from winsome.ledger.formats.complaints import refuse, shown
from winsome.records import Prompt, Suite
from winsome.suites.card import Card

CARD = Card(
    "mt_bench",
    "80 questions of two turns in eight categories, mean grade from 1 to 10",
    licence="Apache-2.0",
    source="lm-sys/FastChat",
    get="save fastchat/llm_judge/data/mt_bench/question.jsonl of lm-sys/FastChat",
    prompts=80,
    judge="rubric?protocol=mt_bench_single@1",
    figure="grade-mean",
)
CARDS = (CARD,)


def mt_bench(
    *, path: str = "", references: str = "", grading: Literal["single", "pair"] = "single", baseline: str = ""
) -> Suite:
    """MT-Bench on the questions in `path`; `references` is the file of reference answers, shown to the judge where one exists.

    grading: single grades, or pair for win rates by comparison, against `baseline` where one is named.
    """
    file = CARD.file(path)
    prompts = formats.prompts(file)
    if references:
        prompts = with_references(prompts, references)
    if grading == "single":
        return CARD.suite(file, prompts, baseline=baseline or None)
    pair = "pairwise?protocol=mt_bench_pair@1"
    return CARD.suite(file, prompts, judge=pair, figure="win-rate", baseline=baseline or None)


def with_references(prompts: Sequence[Prompt], path: str) -> list[Prompt]:
    """The prompts with the answers in `path` (MT-Bench's form) as references, by question id.

    BadInput where the file names a question that the prompts lack.
    """
    by_item = {prompt.item: place for place, prompt in enumerate(prompts)}
    found = list(prompts)
    for answer in formats.answers(path):
        if answer.item not in by_item:
            refuse(
                path,
                f"record {answer.record} answers question {shown(answer.item)}, which the suite lacks; drop it",
            )
        if answer.turns is None:
            continue
        place = by_item[answer.item]
        notes = dict(found[place].for_judges) | {"reference_answer": list(answer.turns)}
        found[place] = replace(found[place], for_judges=notes)
    return found
