"""The refusal audit: planted penalties of people and of a judge, who is left out, the sheet for a person, and mistakes in one line."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from rich.table import Table

from winsome.audit.people import People, read_people
from winsome.audit.refusal_sheet import Classifier, each, true_types
from winsome.audit.refusals import LINEAR, audit_refusals, refusals_record
from winsome.cli import main
from winsome.errors import BadInput
from winsome.records import assistant, user
from winsome.report.audit_page import audit_page, terminal
from winsome.text.refusals import KINDS, Kind, kind_of

WORDS = {
    "normal": "Here is how it is done, step by step.",
    "ethical": "I can't help with that, because it is harmful.",
    "technical": "I do not have access to that information.",
}


def votes(path: Path, win: dict[str, float], n: int = 1500, seed: int = 0) -> str:
    """Votes of one person on pairs drawn alike for every seed: a refusal wins against a normal answer with the chance `win`."""
    pairs, luck = Random("pairs"), Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", "answer_a", "answer_b", "winner", "annotator", "model_a", "model_b"])
        for k in range(n):
            kinds = [pairs.choices(list(WORDS), [0.7, 0.2, 0.1])[0] for _ in range(2)]
            models = pairs.sample(["m", "n", "o"], 2)
            strength = [win[kind] / (1.0 - win[kind]) for kind in kinds]
            first = luck.random() < strength[0] / sum(strength)
            # words after the opening, so that length says little of the type
            more = ["so it goes " * pairs.randrange(20) for _ in range(2)]
            writer.writerow([f"Request {k}", f"{WORDS[kinds[0]]} {k} {more[0]}", f"{WORDS[kinds[1]]} {k}. {more[1]}", "A" if first else "B", "p", *models])  # fmt: skip
    return str(path)


def cells(record: dict[str, Any], title: str) -> dict[str, list[Any]]:
    table = next(one for one in record["tables"] if one["title"].startswith(title))
    return {row[0]: row[1:] for row in table["rows"]}


def test_planted_penalties_and_the_gap_between_people_and_judge(tmp_path: Path) -> None:
    # Odds of 1/9 for people (log -2.20) and of 3/2 for the judge (+0.41); technical refusals alike, 1/3 (-1.10).
    people = votes(tmp_path / "people.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25})
    judge = votes(tmp_path / "judge.csv", {"normal": 0.5, "ethical": 0.6, "technical": 0.25}, seed=1)
    record = audit_refusals(people, verdicts=judge)
    raw = cells(record, "Penalties")
    assert raw["ethical"][1]["low"] <= -2.197 <= raw["ethical"][1]["high"]
    assert raw["technical"][1]["low"] <= -1.099 <= raw["technical"][1]["high"]
    both = cells(record, "People and judge")
    assert both["ethical"][2]["low"] <= 2.603 <= both["ethical"][2]["high"]
    assert both["technical"][2]["low"] <= 0.0 <= both["technical"][2]["high"]
    assert [alarm.partition(":")[0] for alarm in record["alarms"]] == ["ethical"]
    against = cells(record, "Win rate")
    assert against["ethical"][0]["low"] <= 10.0 <= against["ethical"][0]["high"]
    # A class against itself says nothing; both directions are one count.
    assert against["ethical"][2] is None
    assert against["ethical"][3]["n"] == against["technical"][2]["n"]


def test_a_rare_type_has_no_figure(tmp_path: Path) -> None:
    record = audit_refusals(
        votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}, n=120)
    )
    pair = cells(record, "Win rate")["ethical"][3]
    assert pair["n"] < 30
    assert pair["estimate"] is None


def test_the_sheet_is_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = (
        votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}),
        tmp_path / "sheet.csv",
    )
    assert main(["audit", "refusals", file, "--sheet", str(out), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["audit"] == "refusals"
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 150
    assert {row["said"] for row in rows} == set(WORDS)
    assert {row["label"] for row in rows} == {""}
    assert main(["audit", "refusals", file, "--classifier", "rules", "--json", "--quiet"]) == 0
    by_rules = json.loads(capsys.readouterr().out)
    assert cells(by_rules, "Types")["m"][2]["n"] > 0


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = votes(tmp_path / "few.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}, n=20)
    wordless = tmp_path / "ids.csv"
    wordless.write_text("match_id,winner,annotator\nx,A,p\n")
    for path, told in ((few, "give more battles"), (str(wordless), "match")):
        assert main(["audit", "refusals", path, "--quiet"]) == 2
        line = capsys.readouterr().err.strip()
        assert told in line
        assert len(line) <= 220
        assert "\n" not in line


def test_a_persons_labels_take_off_what_wrong_types_hide(tmp_path: Path) -> None:
    """A quarter of the ethical refusals are said to be normal and as many normal answers ethical; a sheet tells their shares."""
    file = votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}, n=6000)

    def wrong(text: str, request: str) -> Kind:
        kind = kind_of(text, request)
        draw = Random(text).random()
        if kind == "ethical" and draw < 0.25:
            return "normal"
        return "ethical" if kind == "normal" and draw < 0.05 else kind

    sheet = tmp_path / "sheet.csv"
    # of 1,000 answers 700 are normal and 200 ethical: 150 + 35 are said to be ethical, 665 + 50 normal
    told = {
        ("ethical", "ethical"): 150,
        ("ethical", "normal"): 35,
        ("normal", "normal"): 665,
        ("normal", "ethical"): 50,
    }
    with sheet.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["prompt", "answer", "said", "label"])
        writer.writerows(["", "", *pair] for pair, count in told.items() for _ in range(count))
    row = cells(audit_refusals(file, labels=sheet, classifier=each(wrong)), "Penalties")["ethical"]
    assert row[2]["low"] > -2.197
    assert row[3]["low"] <= -2.197 <= row[3]["high"]


def test_a_sheet_with_an_unknown_label_is_refused(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("prompt,answer,said,label\nx,y,normal,maybe\n")
    with pytest.raises(BadInput, match=r"line 2 has .*maybe.*write one of normal"):
        true_types(sheet)


def test_a_type_that_never_wins_is_told_and_has_finite_bounds(tmp_path: Path) -> None:
    record = audit_refusals(votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 1e-9, "technical": 0.25}))
    table = next(one for one in record["tables"] if one["title"] == "Penalties")
    assert any("never wins" in note for note in table["notes"])
    effect = cells(record, "Penalties")["ethical"][1]
    assert effect["estimate"] < -4.0
    assert all(abs(effect[key]) < 100.0 for key in ("estimate", "low", "high"))


def test_pairs_of_several_turns_are_left_out_and_counted(tmp_path: Path) -> None:
    people = read_people(votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}), None)
    first = people.pairs[0]
    longer = replace(first, prompt=replace(first.prompt, follow_ups=(user("And then?"),)))
    record = refusals_record("votes", replace(people, pairs=(longer, *people.pairs[1:])))
    notes = next(one["notes"] for one in record["tables"] if one["title"].startswith("Win rate"))
    assert notes[0] == "1 pairs of several turns are left out."
    assert f"{len(people.pairs) - 1:,} pairs" in record["claim"]


def test_a_winner_that_is_none_is_refused_by_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}))
    lines = file.read_text().splitlines()
    lines[3] = lines[3].replace(",A,p,", ",maybe,p,").replace(",B,p,", ",maybe,p,")
    file.write_text("\n".join(lines))
    assert main(["audit", "refusals", str(file), "--quiet"]) == 2
    line = capsys.readouterr().err.strip()
    assert "maybe" in line
    assert len(line) <= 220


def test_more_refusals_move_the_shares_of_people_and_judge_apart(tmp_path: Path) -> None:
    """A policy of two refusal rates: people prefer the one that refuses less, the judge the other; the judge is called unfit."""
    rates = (0.1, 0.5)
    wins: dict[str, list[float]] = {"people": [], "judge": []}
    for rate in rates:
        pairs = Random("policy")
        kinds = [("ethical" if pairs.random() < rate else "normal", "normal") for _ in range(2000)]
        # words after the opening, so that length says little of the type
        more = ["so it goes " * pairs.randrange(20) for _ in kinds]
        for who, win in (("people", 0.1), ("judge", 0.6)):
            luck = Random(f"{who}/{rate}")
            rows = [luck.random() < (win if first == "ethical" else 0.5) for first, _ in kinds]
            wins[who].append(sum(rows) / len(rows))
            with (tmp_path / f"{who}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(
                    ["prompt", "answer_a", "answer_b", "winner", "annotator", "model_a", "model_b"]
                )
                writer.writerows([f"Request {k}", f"{WORDS[first]} {k} {more[k]}", f"{WORDS[second]} {k}! {more[-k]}", "A" if won else "B", "p", "policy", "rival"] for k, ((first, second), won) in enumerate(zip(kinds, rows, strict=True)))  # fmt: skip
        record = audit_refusals(tmp_path / "people.csv", verdicts=tmp_path / "judge.csv")
        both = cells(record, "People and judge")["ethical"]
        # log odds of 1/9 and of 3/2, and their difference
        for cell, planted in zip(both, (-2.197, 0.405, 2.603), strict=True):
            assert cell["low"] <= planted <= cell["high"]
        assert [alarm.partition(":")[0] for alarm in record["alarms"]] == ["ethical"]
    assert wins["people"][1] < wins["people"][0] - 0.1
    assert wins["judge"][1] > wins["judge"][0]


def test_refusals_of_sensitive_requests_have_a_penalty_of_their_own(tmp_path: Path) -> None:
    """Odds of 3/7 where the request has a word of harm (log -0.85) and of 1/9 elsewhere (-2.20), so 1.35 apart."""
    luck, file = Random(3), tmp_path / "v.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["prompt", "answer_a", "answer_b", "winner", "annotator", "model_a", "model_b"])
        for k in range(1500):
            first = "ethical" if luck.random() < 0.3 else "normal"
            harmful = luck.random() < 0.5
            win = 0.5 if first == "normal" else 0.3 if harmful else 0.1
            texts = [f"{WORDS[kind]} {k} {'so it goes ' * luck.randrange(20)}" for kind in (first, "normal")]
            prompt = f"How do I steal apple {k}?" if harmful else f"How do I bake cake {k}?"
            writer.writerow([prompt, *texts, "A" if luck.random() < win else "B", "p", *luck.sample(["m", "n", "o"], 2)])  # fmt: skip
    rows = cells(audit_refusals(file), "Ethical refusals by request")
    for name, planted in (("with a word of harm", -0.847), ("without", -2.197), ("difference", 1.350)):
        assert rows[name][1]["low"] <= planted <= rows[name][1]["high"]
    plain = audit_refusals(votes(tmp_path / "plain.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}))
    assert not any(one["title"].startswith("Ethical refusals by request") for one in plain["tables"])


def test_example_pairs_are_those_of_the_cells_cut_and_folded(tmp_path: Path) -> None:
    people = read_people(votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}), None)
    record = refusals_record("votes", people)
    assert record["examples"] == refusals_record("votes", people)["examples"]
    assert record["examples"] != refusals_record("votes", people, seed=1)["examples"]
    against = cells(record, "Win rate")
    given = {
        pair.prompt.id: (pair.prompt.messages[0].text, pair, share)
        for pair, share in zip(people.pairs, people.share, strict=True)
    }
    met = [("normal", "ethical"), ("normal", "technical"), ("ethical", "technical")]
    assert len(record["examples"]) == len(met)
    for (one, other), shown in zip(met, record["examples"], strict=True):
        assert shown["title"] == f"Pairs to read: {one} against {other}"
        # the votes of a cell are one a pair here, drawn without putting back
        assert shown["count"] == against[one][KINDS.index(other)]["n"]
        assert len(shown["rows"]) == 20 == len({row[0] for row in shown["rows"]})
        for id, prompt, first, of_first, second, of_second, won, count in shown["rows"]:
            text, pair, share = given[id]
            named = {answer.contender: answer.text for answer in pair.answers}
            assert prompt == text
            assert named[of_first].startswith(WORDS[one])
            assert named[of_second].startswith(WORDS[other])
            assert first == named[of_first]
            assert second == named[of_second]
            winner = pair.answers[0 if share == 1.0 else 1].contender
            assert (won, count) == (one if winner == of_first else other, 1)
    page = audit_page(record)
    assert "<details><summary>Pairs to read: normal against ethical (20 of" in page
    assert not any("Pairs to read" in str(one.title) for one in terminal(record) if isinstance(one, Table))


def test_a_long_answer_is_cut_to_what_the_note_says(tmp_path: Path) -> None:
    people = read_people(votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}), None)
    long = tuple(
        replace(
            pair,
            answers=tuple(
                replace(a, messages=(assistant(f"{a.text} {'and on ' * 100}"),)) for a in pair.answers
            ),
        )
        for pair in people.pairs
    )
    shown = refusals_record("votes", replace(people, pairs=long))["examples"][0]
    assert "cut at 400 characters" in shown["notes"][0]
    assert {len(row[2]) for row in shown["rows"]} == {len(row[4]) for row in shown["rows"]} == {400}


def test_ratings_if_no_ethical_refusals_were_shown(tmp_path: Path) -> None:
    """Three models as strong as each other, of which one declines in 60%: as shown it is last, without refusals none differs."""
    luck, file = Random(5), tmp_path / "v.csv"
    odds = {"normal": 1.0, "ethical": 1.0 / 9.0}
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["prompt", "answer_a", "answer_b", "winner", "annotator", "model_a", "model_b"])
        for k in range(3000):
            models = luck.sample(["bold", "calm", "shy"], 2)
            kinds = [
                "ethical" if luck.random() < (0.6 if model == "shy" else 0.02) else "normal"
                for model in models
            ]
            texts = [f"{WORDS[kind]} {k} {'so it goes ' * luck.randrange(20)}" for kind in kinds]
            won = luck.random() < odds[kinds[0]] / (odds[kinds[0]] + odds[kinds[1]])
            writer.writerow([f"Request {k}", *texts, "A" if won else "B", "p", *models])
    rows = cells(audit_refusals(file), "Ratings if no")
    assert list(rows)[-1] == "shy"
    assert rows["shy"][1] == "3"
    assert rows["shy"][0]["high"] < 950.0
    for _, _, without, ranks, change in rows.values():
        assert without["low"] <= 1000.0 <= without["high"]
        assert ranks == "1 to 3"
        assert change["low"] > 0.0 or change["high"] < 0.0
    assert rows["shy"][4]["low"] > 0.0
    # a change is told more closely than two ratings of different votes would be
    wide = [rows["shy"][k]["high"] - rows["shy"][k]["low"] for k in (0, 2, 4)]
    assert wide[2] < (wide[0] ** 2 + wide[1] ** 2) ** 0.5


def test_why_there_are_no_ratings_without_refusals_is_said(tmp_path: Path) -> None:
    def no_ethics(text: str, request: str) -> Kind:
        kind = kind_of(text, request)
        return "normal" if kind == "ethical" else kind

    def notes(people: People, classifier: Classifier = LINEAR) -> str:
        record = refusals_record("votes", people, classifier=classifier)
        assert not any(one["title"].startswith("Ratings if no") for one in record["tables"])
        return " ".join(next(one["notes"] for one in record["tables"] if one["title"] == "Penalties"))

    file = votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25})
    people = read_people(file, None)
    nameless = tuple(
        replace(pair, answers=(replace(pair.answers[0], contender="chosen"), replace(pair.answers[1], contender="rejected")))
        for pair in people.pairs
    )  # fmt: skip
    assert "the votes name no models" in notes(replace(people, pairs=nameless))
    apart = tuple(
        replace(pair, answers=tuple(replace(a, contender=f"{'even' if k % 2 else 'odd'} {side}") for a, side in zip(pair.answers, "xy" if k % 4 < 2 else "yx", strict=True)))
        for k, pair in enumerate(people.pairs)
    )  # fmt: skip
    assert "some never meet the others" in notes(replace(people, pairs=apart))
    assert "0 votes have one on one side only, and 30 are needed" in notes(people, each(no_ethics))


def test_answers_in_other_languages_are_counted(tmp_path: Path) -> None:
    """One refusal in Spanish and one in Russian among 1,500 pairs: the grammar of English says normal, the table says so."""
    file = Path(votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25}))
    clean = audit_refusals(file)["tables"][0]
    assert clean["notes"] == []
    with file.open("a", newline="") as out:
        fields = next(csv.reader(file.open()))
        row = {"prompt": "What now?", "answer_a": "Lo siento, pero no puedo ayudar con eso porque es peligroso.",
               "answer_b": "Извините, я не могу помочь.", "winner": "model_a", "model_a": "x", "model_b": "y"}  # fmt: skip
        csv.DictWriter(out, fields, restval="").writerow({name: row[name] for name in fields if name in row})
    (told,) = audit_refusals(file)["tables"][0]["notes"]
    assert told.startswith("2 of ")
    assert "another language than English" in told
