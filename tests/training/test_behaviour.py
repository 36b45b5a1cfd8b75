"""The reference that drew the data: its log-probabilities come with the answers, by its name, or from whom the data name."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from tests import tiny_models
from tests.models.test_logprobs import padded
from tests.training.small_run import prepared, rows, session, trained
from winsome import specs
from winsome.errors import BadInput
from winsome.models.logprobs import logprobs
from winsome.models.render import answer_ids, prompt_ids, text_ids
from winsome.models.weights import load
from winsome.training.examples import examples_of
from winsome.training.forms import best_against_worst, unpaired
from winsome.training.loops.preference import preference
from winsome.training.progress import read
from winsome.training.sources import open_examples
from winsome.training.tokens import tokenised

SIDES = ("chosen", "rejected")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A tiny start, two other policies, and pairs with what each policy gives their answers."""
    place = prepared(tmp_path_factory.mktemp("behaviour"))
    for number, name in enumerate(("first", "second"), 1):
        tiny_models.saved(place / name, tiny_models.causal(seed=number))
    sums = {name: sums_of(place / name) for name in ("tiny", "first", "second")}
    made = []
    for i, row in enumerate(rows()):
        said = {side: ("first", "second")[(i + k) % 2] for k, side in enumerate(SIDES)}
        made.append(
            row
            | {f"{side}_model": opened(place / said[side]) for side in SIDES}
            | {f"{side}_logprob": sums[said[side]][i][k] for k, side in enumerate(SIDES)}
        )
    write(place / "told.jsonl", made)
    write(place / "named.jsonl", [{k: v for k, v in row.items() if "logprob" not in k} for row in made])
    own = [
        row | {f"ref_{side}_logps": sums["tiny"][i][k] for k, side in enumerate(SIDES)}
        for i, row in enumerate(rows())
    ]
    write(place / "own.jsonl", own)
    one = [
        row | {f"{side}_logprob": sums["first"][i][k] for k, side in enumerate(SIDES)}
        for i, row in enumerate(rows())
    ]
    write(place / "one.jsonl", one)
    return place


def opened(place: Path) -> str:
    return f"hf:{place}?dtype=float32"


def write(place: Path, found: list[dict]) -> None:
    place.write_text("".join(json.dumps(row) + "\n" for row in found))


def sums_of(place: Path) -> list[list[float]]:
    """Log-probability of each side of each row under a model, by a plain padded forward pass."""
    model = load(str(place), "float32")
    data = tokenised(model, examples_of(rows(), "rows"))
    with torch.no_grad():
        return [
            [float(answer.sum()) for _, answer in padded(model.network, data.sequences(i))]
            for i in range(len(data))
        ]


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


def losses(place: Path) -> list[float]:
    return [row["loss"] for row in read(place.parent / "log.jsonl")]


@pytest.mark.parametrize(
    "objective", ["dpo?reference=behaviour&beta=0.3", "ipo?reference=behaviour&norm=mean"]
)
def test_all_three_ways_train_the_same(folder, objective):
    """Log-probabilities of the data, and policies that the data name: each answer against the one that said it."""
    told = trained(folder, {"objective": objective}, data="told.jsonl", runs="told")
    named = trained(folder, {"objective": objective}, data="named.jsonl", runs="named")
    assert losses(told) == pytest.approx(losses(named), rel=1e-4)
    by_data = trained(folder, {"objective": objective}, data="one.jsonl", runs="one")
    first = opened(folder / "first")
    by_model = trained(folder, {"objective": objective, "behaviour_model": first}, runs="model")
    by_reference = trained(
        folder, {"objective": objective.replace("behaviour", "reference"), "reference_model": first}, runs="reference"
    )  # fmt: skip
    assert losses(by_data) == pytest.approx(losses(by_model), rel=1e-4)
    assert losses(by_model) == losses(by_reference)
    assert losses(by_data) != pytest.approx(losses(told), rel=1e-3)


def test_the_first_loss_is_that_of_the_equation(folder):
    place = trained(
        folder,
        {"objective": "dpo?reference=behaviour&beta=0.3", "batch": 22},
        data="told.jsonl",
        runs="first",
    )
    start = load(str(folder / "tiny"), "float32")
    data = tokenised(start, examples_of(rows(), "rows"))
    told = [json.loads(line) for line in (folder / "told.jsonl").open()]
    found = []
    with torch.no_grad():
        for i, row in enumerate(told):
            w, lo = (float(x) for x in logprobs(start.network, data.sequences(i)).sums)
            gap = (w - row["chosen_logprob"]) - (lo - row["rejected_logprob"])
            found.append(math.log1p(math.exp(-0.3 * gap)))
    assert losses(place)[0] == pytest.approx(sum(found) / len(found), rel=1e-5)


def test_a_start_that_drew_the_data_is_at_its_reference(folder):
    """TRL's names of the columns are read; kto's answers keep their own log-probabilities when pairs are taken apart."""
    dpo = trained(folder, {"objective": "dpo?reference=behaviour"}, data="own.jsonl", runs="own")
    assert losses(dpo)[0] == pytest.approx(math.log(2), abs=1e-5)
    kto = trained(folder, {"objective": "kto?reference=behaviour&kl=zero"}, data="own.jsonl", runs="own")
    assert losses(kto)[0] == pytest.approx(0.5, abs=1e-5)


def test_log_probabilities_follow_their_answers_from_form_to_form():
    pair = {"prompt": "p", "chosen": "a", "rejected": "b", "chosen_logprob": -1.0, "rejected_logprob": -2.0}
    assert [row.numbers["response_logprob"] for row in unpaired(examples_of([pair], "x")).rows] == [-1, -2]
    ranked = {"prompt": "p", "responses": ["a", "b", "c"], "scores": [2, 9, 1], "logprobs": [-1, -2, -3]}
    (row,) = best_against_worst(examples_of([ranked], "x")).rows
    assert (row.numbers["chosen_logprob"], row.numbers["rejected_logprob"]) == (-2.0, -3.0)
    with pytest.raises(BadInput, match="has 1 logprobs for 3 responses"):
        examples_of([ranked | {"logprobs": [-1]}], "x")


def test_a_ledgers_pairs_name_who_said_what(folder):
    """What two policies said and a judge compared is learnt from against the policies that said it."""
    import winsome

    first, second = opened(folder / "first"), opened(folder / "second")
    ledger = folder / "said.sqlite"
    write(folder / "asked.jsonl", [{"prompt": row["prompt"]} for row in rows(8)])
    winsome.compare(
        f"{first}&max_tokens=8&temperature=1", f"{second}&max_tokens=8&temperature=1", suite=str(folder / "asked.jsonl"),
        judge="tests.training.online.small_online:Scored", ledger=str(ledger), folder=folder, quiet=True, allow_degenerate=True,
    )  # fmt: skip
    with session(folder, runs="ledger") as run:
        name = preference(
            opened(folder / "tiny"), f"ledger:{ledger}", run=run, objective="dpo?reference=behaviour", rate=1e-3, batch=8,
        )  # fmt: skip
    place = Path(specs.parse(name).address)
    pairs = open_examples(f"ledger:{ledger}").rows
    assert {side.policy.partition("?")[0] for row in pairs for side in row.sides} == {
        first.partition("?")[0], second.partition("?")[0]
    }  # fmt: skip
    # By hand: each side under the start, and under the policy that said it.
    start = load(str(folder / "tiny"), "float32")
    found = []
    for row in pairs:
        ratios = []
        for side in row.sides:
            author = load(side.policy.removeprefix("hf:").partition("?")[0], "float32")
            one = prompt_ids(start, side.prompt), (answer_ids if side.ended else text_ids)(start, side.text)
            with torch.no_grad():
                own, said = (float(padded(model.network, [one])[0][1].sum()) for model in (start, author))
            ratios.append(own - said)
        found.append(math.log1p(math.exp(-0.1 * (ratios[0] - ratios[1]))))
    assert losses(place)[0] == pytest.approx(sum(found) / len(found), rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "data", "says"),
    [
        ({"objective": "dpo?reference=behaviour"}, "pairs.jsonl", "add chosen_logprob to every row, or name --behaviour-model"),
        ({"objective": "ld_dpo?reference=behaviour"}, "told.jsonl", "reads log-probabilities of single tokens"),
        ({"objective": "kto?reference=behaviour"}, "told.jsonl", "of mismatched answers"),
        ({"objective": "dpo?reference=behaviour", "max_length": 30, "too_long": "cut_answer"}, "told.jsonl", "use --too-long drop"),
        ({"objective": "dpo?reference=behaviour"}, "above.jsonl", "pair-3: chosen_logprob is 0.5; a log-probability in nats is at most 0"),
        ({"objective": "dpo?reference=last"}, "told.jsonl", "reads the last policy; name it with --last-model"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(folder, settings, data, says):
    if data == "above.jsonl":
        told = [json.loads(line) for line in (folder / "told.jsonl").open()]
        told[3]["chosen_logprob"] = 0.5
        write(folder / data, told)
    with pytest.raises(BadInput) as error:
        trained(folder, settings, data=data, runs="mistakes")
    assert says in str(error.value)
    assert len(str(error.value)) <= 200
