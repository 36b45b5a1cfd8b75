"""The verbs: name -> (module, one line of help). A module offers `add(parser)` and `run(args) -> exit code`."""

from __future__ import annotations

VERBS: dict[str, tuple[str, str]] = {
    "compare": ("winsome.cli.compare", "ask contenders, let a judge compare their answers, rank, report"),
    "generate": ("winsome.cli.generate", "ask one contender and keep its answers in a file"),
    "judge": ("winsome.cli.judge", "let a judge compare recorded answers; the verdicts go to a file"),
    "run": ("winsome.cli.run", "run a recipe: a whole method, from prompts to a win rate"),
    "rip": ("winsome.cli.rip", "why a run of R.I.P. kept or dropped a prompt"),
    "rank": ("winsome.cli.rank", "standings from verdicts that exist already"),
    "data": ("winsome.cli.data", "what a training run would learn from, before it is paid for"),
    "train": (
        "winsome.cli.train",
        "train on preferences or demonstrations; ends in a match against the start",
    ),
    "merge": ("winsome.cli.merge", "several models of one family as one; an adapter put into its base"),
    "card": (
        "winsome.cli.card",
        "what a judge is worth against people: agreement, biases, calibration, cost",
    ),
    "judges": (
        "winsome.cli.judges",
        "rank judges and juries by agreement with people; cost and accuracy of a cascade",
    ),
    "audit": (
        "winsome.cli.audit",
        "attacks on judges, suspicious answers and votes, ranking accuracy of a model",
    ),
    "plan": ("winsome.cli.plan", "how many prompts a difference needs, before money is spent"),
    "diff": ("winsome.cli.diff", "why two figures differ, and by how much on what they share"),
    "report": ("winsome.cli.report", "write or open the report of a run"),
    "ledger": ("winsome.cli.ledger", "show, query, export, import, merge, verify, vacuum what is kept"),
    "models": ("winsome.cli.models", "list the embedded models, fetch their weights once"),
    "suites": ("winsome.cli.suites", "list, show and start suites of prompts"),
    "contexts": ("winsome.cli.contexts", "write what prompts leave open, for --context of compare"),
    "tools": ("winsome.cli.tools", "serve virtual tools, which give agents the same answer next year"),
    "doctor": ("winsome.cli.doctor", "what is here and what is missing"),
}
