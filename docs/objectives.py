"""The reference page of objectives: a table from their docstrings, and each with its settings and what it reads."""

from __future__ import annotations

import inspect

from winsome import specs
from winsome.training.objective import objective
from winsome.training.rewards.batch import METRICS as REWARD_METRICS
from winsome.training.terms import METRICS

HEAD = """# Objectives

What `winsome train` lowers. Every row is one function in `winsome/training/objectives/`, and its docstring is this page.

`l(y)` is the log-probability of an answer in nats, summed over its tokens, `lbar` its mean over the `n` tokens;
`r = l - l_ref` is the log-ratio to the reference; w is the chosen answer, l the rejected one; `D = r_w - r_l`.
*At the start* is the loss where the policy is the reference. An update's loss is the total over its units divided by their
number (of tokens for `sft?mean=token`), once, however it was split into micro-batches or processes.

A setting belongs to the name: `winsome train "simpo?beta=2.5&gamma=0.5" ..`. An objective of your own is a function of this
form, named `package.module:function`, with `NEEDS` beside it.
"""
REWARD = "RewardObjective"
REWARD_HEAD = """`winsome train reward --objective NAME`. `s` is what the model gives for a whole dialogue, w the chosen answer, l the rejected one;
there is no reference. How to train and use them is told in [reward models](../how-to/reward-models.md)."""
ONLINE = "OnlineMethod"
ONLINE_HEAD = """`winsome train NAME --prompts .. --reward ..`. A is the advantage of an answer or token, rho the importance ratio of the policy to the
weights that drew, R a reward. How to train with them is told in [train online](../how-to/train-online.md)."""
MARKS = ("@ref:", "@start:", "Minimiser:", "Source:")


def page() -> str:
    """Markdown of all objectives of the registry."""
    names = sorted(specs.kinds("Objective"))
    parts = [HEAD, "| name | loss | at the start |", "|---|---|---|"]
    parts += [
        f"| [`{name}`](#{name}) | {_code(_equation(name))} | {_code(_mark(name, '@ref:'))} |"
        for name in names
    ]
    for name in names:
        parts += ["", f"## {name}", "", *_section(name)]
    parts += online()
    parts += rewards()
    parts += ["", "## Metrics", "", "| metric | what it is |", "|---|---|"]
    parts += [f"| `{name}` | {_cell(told)} |" for name, told in METRICS.items()]
    return "\n".join(parts) + "\n"


def online() -> list[str]:
    """The methods that learn from the policy's own answers: a table, then each with its settings."""
    names = sorted(specs.kinds(ONLINE))
    parts = ["", "## Online methods", "", ONLINE_HEAD, "", "| name | loss | at the start |", "|---|---|---|"]
    for name in names:
        loss, start = _equation(name, ONLINE), _mark(name, "@start:", ONLINE)
        parts.append(f"| `{name}` | {_code(loss)} | {_code(start)} |")
    for name in names:
        first, _, rest = _doc(name, ONLINE).partition("\n")
        function = specs.factory_of(specs.parse(name), ONLINE)
        assert function is not None
        parts += [
            "",
            f"### {name}",
            "",
            f"```text\n{first}\n```",
            "",
            " ".join(_before_marks(rest).split()),
            "",
        ]
        if minimiser := _mark(name, "Minimiser:", ONLINE):
            parts.append(f"- Minimiser: {minimiser}.")
        parts += [
            f"- Source: {_mark(name, 'Source:', ONLINE)}.",
            "",
            "| setting | values | default |",
            "|---|---|---|",
        ]
        parts += [
            f"| `{key}` | {_cell(setting.annotation)} | `{setting.default}` |"
            for key, setting in specs.settings_of(function).items()
        ]
    return parts


def _before_marks(text: str) -> str:
    for mark in MARKS:
        text = text.partition(mark)[0]
    return text


def rewards() -> list[str]:
    """The objectives of `winsome train reward`: a table, then each with its settings."""
    names = sorted(specs.kinds(REWARD))
    parts = [
        "",
        "## Reward models",
        "",
        REWARD_HEAD,
        "",
        "| name | loss | where both are alike |",
        "|---|---|---|",
    ]
    for name in names:
        loss, start = _equation(name, REWARD), _mark(name, "@ref:", REWARD)
        parts.append(f"| `{name}` | {_code(loss)} | {_code(start)} |")
    for name in names:
        parts += ["", f"### {name}", "", *_section(name, REWARD)]
    parts += ["", "### Metrics of reward models", "", "| metric | what it is |", "|---|---|"]
    parts += [f"| `{name}` | {_cell(told)} |" for name, told in REWARD_METRICS.items()]
    return parts


def _doc(name: str, role: str = "Objective") -> str:
    function = specs.factory_of(specs.parse(name), role)
    return inspect.getdoc(function) or ""


def _equation(name: str, role: str = "Objective") -> str:
    """The first line without the name before its colon."""
    return _doc(name, role).split("\n")[0].partition(": ")[2].rstrip(".")


def _mark(name: str, mark: str, role: str = "Objective") -> str:
    """What stands after a mark, up to the next one."""
    _, _, rest = _doc(name, role).partition(mark)
    for other in MARKS:
        rest = rest.partition(other)[0]
    return " ".join(rest.split()).rstrip(".")


def _section(name: str, role: str = "Objective") -> list[str]:
    first, _, rest = _doc(name, role).partition("\n")
    text = rest
    for mark in MARKS:
        text = text.partition(mark)[0]
    function = specs.factory_of(specs.parse(name), role)
    assert function is not None
    needs = objective(name, role).needs
    reads = [f"roles {', '.join(needs.roles)}"]
    reads += [f"references {', '.join(needs.references)}"] if needs.references else ["no reference"]
    reads += [f"columns {', '.join(needs.columns)}"] if needs.columns else []
    reads += (
        [f"before each update, without gradient: {', '.join(needs.step_roles)}"] if needs.step_roles else []
    )
    reads += ["ranked lists"] if needs.groups else []
    reads += ["single tokens"] if needs.tokens else []
    reads += ["the prompts' tokens"] if needs.prompts else []
    settings = [
        f"| `{key}` | {_cell(setting.annotation)} | `{setting.default}` |"
        for key, setting in specs.settings_of(function).items()
    ]
    return [
        f"```text\n{first}\n```",
        "",
        " ".join(text.split()),
        "",
        f"- Minimiser: {_mark(name, 'Minimiser:', role)}.",
        f"- Reads: {'; '.join(reads)}.",
        f"- Source: {_mark(name, 'Source:', role)}.",
        "",
        "| setting | values | default |",
        "|---|---|---|",
        *settings,
    ]


def _code(text: str) -> str:
    """A formula for a table's cell."""
    return f"`{text.replace('`', '').replace('|', chr(92) + '|')}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")
