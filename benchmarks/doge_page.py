"""The page on deceptive agents, from its JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.null_model_page import table_of

INTRO = """# Deceptive agents in a mixture

A mixture of agents, 3-3-1: three proposers, three more who read the first three, an aggregator that reads the second three. Maps say who
deceives, a digit an agent. Intervals are 95% over questions, differences are paired by question, and every defence runs on the
same references. `python -m benchmarks.doge` repeats the figures, which lie in `doge.json` beside this page; this page is written from them.
"""
PARTS = {
    "world": """## A closed world of small models

Things with invented names lie in one of four places. Six models know a third of the facts each, every fact is known to two of them, and
an aggregator that knows a third of its own is trained to combine what others say. Training is honest: no agent among the references lied. What
combining takes is learnt on other facts than those asked, or on places drawn anew. A deceiver is the same model told which place to argue for,
and against which, as it was trained to; it is not told what others know. Everybody draws from the same three phrases of certainty and two of
doubt, so that two texts may differ by their phrase as well as by their place. Settings were chosen on 50 other questions.

Two things came out otherwise than reported of large models. One opposer costs more in layer 1 than in layer 2: all three agents of layer 2
read it, and two in five questions are known to neither of its neighbours in layer 1. And Dropout & Cluster as the paper describes it hardly helps, for four
of seven subsets hold the liar; what the published code does under that name (it clusters the references) is Cluster & Filter, which does
help. The adaptive deceiver is harder to tell and persuades less.
""",
    "server": """## Embedded models behind a chat server

Three personas of SmolLM2-135M (other system texts and temperatures: stand-ins for three models, the only instruct model that is embedded), the
aggregator the same model, the deceiver made by the shipped prompt, all through a local chat-completions server; answers of at most 40 tokens
to AlpacaEval instructions of at most twenty words are compared with the aggregator's own by `embedded:judge`, a reward model. So few prompts show that the path holds, and bound what deception costs only widely.
""",
}


def page(record: Mapping[str, Any]) -> str:
    """The markdown of a record as `benchmarks.doge` writes it."""
    parts = [INTRO]
    for name, told in PARTS.items():
        if name not in record:
            continue
        one = record[name]
        parts.append(f"\n{told}")
        if "card" in one:
            models = one["card"]["models"].values()
            seconds = sum(model["cpu_seconds"] for model in models)
            parts.append(
                f"\n{len(one['card']['models'])} models of {max(m['parameters'] for m in models):,} parameters, trained in {seconds:,} CPU-seconds.\n"
            )
        parts.append(
            f"\nMade on {one['made']['at'][:10]} with seed {one['seed']} in {one['cpu_seconds']:,} CPU-seconds ({one['machine']}).\n\n"
            f"**{one['claim']}**\n\n"
        )
        parts += [f"- {alarm}\n" for alarm in one["alarms"]]
        parts += [table_of(table) for table in one["tables"]]
    return "".join(parts)
