"""Arena-Hard v0.1 and v2: five grades in both orders, large wins counted three times, baselines by category in v2.

Source: github.com/lmarena/arena-hard-auto.
"""

from __future__ import annotations

from winsome.ledger import formats
from winsome.ledger.formats.arena_hard import BASELINES
from winsome.records import Suite
from winsome.suites.card import Card, check_categories

V2_BASELINES = {category: BASELINES[category] for category in ("hard_prompt", "creative_writing")}

V01 = Card(
    "arena_hard",
    "500 hard prompts of Arena users, v0.1, win rate against GPT-4-0314",
    licence="Apache-2.0",
    source="lmarena/arena-hard-auto v0.1",
    get="save data/arena-hard-v0.1/question.jsonl of lmarena-ai/arena-hard-auto",
    prompts=500,
    judge="pairwise?protocol=arena_hard@1",
    baseline=BASELINES["arena-hard-v0.1"],
    figure="arena-hard",
)
V2 = Card(
    "arena_hard_2",
    "500 hard prompts and 250 of creative writing, v2.0, each against its category's baseline",
    licence="Apache-2.0",
    source="lmarena/arena-hard-auto v2.0",
    get="save data/arena-hard-v2.0/question.jsonl of lmarena-ai/arena-hard-auto",
    prompts=750,
    judge="pairwise?protocol=arena_hard@1",
    baseline=V2_BASELINES,
    figure="arena-hard",
)
CARDS = (V01, V2)


def arena_hard(*, path: str = "", baseline: str = "") -> Suite:
    """Arena-Hard v0.1 on the questions in `path`; `baseline` is the contender that stands for gpt-4-0314."""
    file = V01.file(path)
    return V01.suite(file, formats.prompts(file), baseline=baseline or V01.baseline)


def arena_hard_2(*, path: str = "", hard_prompt: str = "", creative_writing: str = "") -> Suite:
    """Arena-Hard v2.0 on the questions in `path`; the other settings name the contender that is each category's baseline."""
    file = V2.file(path)
    prompts = formats.prompts(file)
    check_categories(file, prompts, V2_BASELINES)
    given = {"hard_prompt": hard_prompt, "creative_writing": creative_writing}
    held = {prompt.facets["category"] for prompt in prompts}
    baselines = {name: given[name] or V2_BASELINES[name] for name in V2_BASELINES if name in held}
    return V2.suite(file, prompts, baseline=baselines)
