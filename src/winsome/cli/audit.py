"""winsome audit ACTION: what a judge, a set of answers, a leaderboard or a trained model does not say of itself."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from winsome.cli import audit_deception, options, output
from winsome.cli.parsing import Parser, whole_number

if TYPE_CHECKING:
    from winsome.audit.refusal_sheet import Classifier

EPILOG = "Each audit prints its tables and, with --out, writes one page and its JSON beside it."


def add(parser: Parser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action", parser_class=Parser)
    submission = actions.add_parser(
        "submission",
        help="recorded answers: do they speak to the judge instead of the user",
        description="Check recorded answers for what only an attack on the judge needs.",
    )
    submission.add_argument(
        "files", nargs="+", metavar="FILE", help="answers, of one model or several a file"
    )
    submission.add_argument("--prompts", metavar="FILE", help="the prompts, where answers name theirs by id")
    submission.add_argument(
        "--judge-prompt",
        action="append",
        default=[],
        metavar="@FILE",
        help="a judge's prompt whose marks are looked for too; may be given again",
    )
    leaderboard = actions.add_parser(
        "leaderboard",
        help="battles: stuffed votes, bursts, showings, private variants, votes that carry the order",
        description="Check a set of battles for votes made for one contender, and how few votes carry its order.",
    )
    leaderboard.add_argument(
        "file", metavar="FILE", help="battles, with annotator and time where they are known"
    )
    leaderboard.add_argument(
        "--providers", metavar="FILE", help="columns model and provider, for private variants"
    )
    judge = actions.add_parser(
        "judge",
        help="null answers, edits without content, seats, rephrased requests: what moves a judge",
        description="Attack a judge with answers that say nothing, and edit answers in ways that should not matter.",
    )
    judge.add_argument("judge", metavar="JUDGE", help="as compare --judge takes it")
    judge.add_argument(
        "--answers", nargs="+", required=True, metavar="FILE",
        help="two or three files of honest answers to the same prompts; a third measures circles; --attack alone needs one",
    )  # fmt: skip
    judge.add_argument("--limit", type=whole_number(), default=60, metavar="N", help="prompts (default 60)")
    judge.add_argument(
        "--judge-prompt",
        metavar="@FILE",
        help="derive the structured attack from this text (default the judge's own)",
    )
    judge.add_argument(
        "--own", metavar="FILE",
        help="answers of the judge's own model: does it prefer them more than --gold does (needs --gold)",
    )  # fmt: skip
    judge.add_argument(
        "--gold", metavar="JUDGE",
        help="a judge that is trusted: for --own, and for what a defence costs under --attack",
    )  # fmt: skip
    judge.add_argument(
        "--dry-run", action="store_true", help="print the plan and what it may cost; ask nothing"
    )
    _attack(judge)
    options.asking(judge)
    ranking = actions.add_parser(
        "ranking",
        help="does a trained model rank chosen above rejected, and what could training reach",
        description="Ranking accuracy of a model and its reference on pairs, and the best that training could reach.",
    )
    ranking.add_argument("--model", metavar="MODEL", help="embedded name, folder or hub name")
    ranking.add_argument("--reference", metavar="MODEL", help="what it was trained from")
    ranking.add_argument(
        "--pairs", required=True, metavar="FILE", help="prompt, chosen, rejected; optional votes, wins"
    )
    ranking.add_argument(
        "--beta", default="0.01,0.1,1", metavar="A,B", help="betas tried (default 0.01,0.1,1)"
    )
    ranking.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N pairs only (default all)"
    )
    ranking.add_argument("--plan-for", metavar="N,..", help=options.PLAN_FOR)
    refusals = actions.add_parser(
        "refusals",
        help="votes on answers: what refusals and disclaimers do to a win rate, for people and for a judge",
        description="Types of answers (normal, disclaimer, ethical and technical refusal, empty) and what each does to the win rate.",
    )
    refusals.add_argument(
        "file", metavar="FILE", help="votes with prompt, answer_a, answer_b, winner, model_a, model_b"
    )
    refusals.add_argument(
        "--pairs", metavar="FILE", help="the table of answers, where votes name pairs by id"
    )
    refusals.add_argument(
        "--judge-verdicts", metavar="FILE", help="a judge's votes on the same pairs, read alike"
    )
    refusals.add_argument("--sheet", metavar="FILE.csv", help="write 200 answers here for a person to label")
    refusals.add_argument(
        "--labels", metavar="FILE.csv", help="that sheet with the column label filled in by a person"
    )
    refusals.add_argument(
        "--classifier", default="linear", metavar="linear|rules|hf:MODEL",
        help="what tells the types: the model that ships (default), the opening grammar alone, or a fine-tuned classifier",
    )  # fmt: skip
    refusals.add_argument(
        "--plan-judge", action="append", metavar="JUDGE",
        help="print what this judge's verdicts on the pairs would take, and audit nothing; may be given again",
    )  # fmt: skip
    refusals.add_argument(
        "--detect", type=float, default=0.5, metavar="LOG-ODDS",
        help="a penalty of ethical refusals: how many votes tell it from 0 (default 0.5)",
    )  # fmt: skip
    default = actions.add_parser(
        "default-context",
        help="whom a model's answers serve when it is not told who asks",
        description="Grade default answers as if for each kind of asker: whom does the model take for granted.",
    )
    default.add_argument("contender", metavar="CONTENDER", help="a model, or recorded answers")
    default.add_argument(
        "--judge", required=True, metavar="JUDGE", help="a judge that grades one answer, or a model"
    )
    default.add_argument(
        "--suite", metavar="NAME|FILE", help="the prompts (default those of recorded answers)"
    )
    default.add_argument("--attributes", metavar="A,B", help="such as region,economy (default all twelve)")
    default.add_argument("--table", metavar="FILE.json", help="one's own attributes with their values")
    default.add_argument(
        "--adapted", action="store_true", help="also ask with each value told: which askers can it follow"
    )
    default.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N prompts only (default all)"
    )
    options.sampling(default)
    options.asking(default)
    deception = audit_deception.add(actions)
    for action in (submission, leaderboard, judge, ranking, refusals, default, deception):
        action.add_argument("--out", metavar="FILE.html", help="write the page here, its JSON beside it")
        options.everywhere(action)


def _attack(parser: Parser) -> None:
    group = parser.add_argument_group("one answer for every prompt, with and without defences")
    group.add_argument(
        "--attack", choices=("constant", "structured", "search"),
        help="the strongest null contender tried: plain text, derived from the judge's prompt, with a searched prefix",
    )  # fmt: skip
    group.add_argument(
        "--search-answers", metavar="FILE",
        help="answers to other prompts to search on (default 8 prompts of the first file, which are then not tested)",
    )  # fmt: skip
    group.add_argument(
        "--steps",
        type=whole_number(),
        default=128,
        metavar="N",
        help="strings tried in the search (default 128)",
    )
    group.add_argument(
        "--prefix-tokens",
        type=whole_number(),
        default=128,
        metavar="N",
        help="tokens searched for (default 128)",
    )
    group.add_argument(
        "--defence", action="append", choices=("fence", "smooth", "perplexity"), metavar="NAME",
        help="fence, smooth or perplexity; may be given again (default fence, where the judge takes one)",
    )  # fmt: skip
    group.add_argument(
        "--transfer", action="append", default=[], metavar="JUDGE",
        help="a further judge on which the same texts are tried; may be given again",
    )  # fmt: skip


def run(args: Namespace) -> int:
    actions = {
        "deception": audit_deception.run,
        "submission": _submission,
        "leaderboard": _leaderboard,
        "judge": _judge,
        "ranking": _ranking,
        "refusals": _refusals,
        "default-context": _default_context,
    }
    try:
        record = actions[args.action](args)
    except _PlanShown:
        return 0
    if not args.quiet:
        for line in record.get("missing", ()):
            output.tell(line)
    if args.out:
        from winsome.report.audit_page import write_audit

        place = write_audit(record, args.out)
        if not args.quiet:
            output.tell(f"page: {place}")
    if args.json:
        output.emit(record)
        return 0
    from winsome.report.audit_page import terminal

    console = output.result()
    for shown in terminal(record):
        console.print(shown)
    return 0


def _submission(args: Namespace) -> dict[str, Any]:
    from winsome.audit.submission import audit_submission

    return audit_submission(*args.files, prompts=args.prompts, templates_of=args.judge_prompt, seed=args.seed)


def _leaderboard(args: Namespace) -> dict[str, Any]:
    from winsome.audit.leaderboard import audit_leaderboard

    return audit_leaderboard(args.file, providers=args.providers)


def _judge(args: Namespace) -> dict[str, Any]:
    from winsome.audit.findings import joined
    from winsome.audit.judge_attacks import audit_judge
    from winsome.audit.null_attack import audit_null
    from winsome.judges import templates
    from winsome.matchmaking.preflight import Estimate

    def gate(estimate: Estimate) -> bool:
        if not args.quiet:
            for line in estimate.lines():
                output.tell(line)
        if args.dry_run:
            raise _PlanShown
        return True

    def probed() -> dict[str, Any]:
        template = templates.from_file(args.judge_prompt, 2) if args.judge_prompt else None
        return audit_judge(
            args.judge,
            answers=args.answers,
            limit=args.limit,
            template=template,
            own=args.own,
            gold=args.gold if args.own or not args.attack else None,
            confirm=gate,
            **options.asked(args),
        )

    def attacked() -> dict[str, Any]:
        return audit_null(
            args.judge,
            answers=args.answers[:2],
            attack=args.attack,
            search_answers=args.search_answers,
            steps=args.steps,
            prefix=args.prefix_tokens,
            limit=args.limit,
            defences=args.defence,
            transfer=args.transfer,
            gold=args.gold,
            confirm=gate,
            **options.asked(args),
        )

    if not args.attack:
        return probed()
    # one file of answers suffices for the attack alone
    parts = [attacked] if len(args.answers) == 1 else [probed, attacked]
    found: list[dict[str, Any]] = []
    for part in parts:
        try:
            found.append(part())
        except _PlanShown:
            continue
    if args.dry_run:
        raise _PlanShown
    return found[0] if len(found) == 1 else joined(*found)


def _ranking(args: Namespace) -> dict[str, Any]:
    from winsome.audit.ranking_accuracy import audit_ranking
    from winsome.errors import BadInput

    if args.plan_for is not None:
        from winsome.audit.ranking_accuracy import ranking_cost
        from winsome.models.forward_cost import parameters_of

        cost = ranking_cost(args.pairs, parameters_of(args.plan_for), limit=args.limit)
        if args.json:
            output.emit(cost.payload())
        else:
            print(cost.line("pairs"))
        raise _PlanShown
    if args.model is None or args.reference is None:
        raise BadInput("winsome audit ranking needs --model and --reference, or --plan-for N")
    try:
        betas = tuple(float(word) for word in args.beta.split(","))
    except ValueError:
        raise BadInput(f"--beta {args.beta}: give numbers above 0, joined by commas") from None
    return audit_ranking(
        args.model, args.reference, pairs=args.pairs, betas=betas, limit=args.limit, seed=args.seed
    )


def _refusals(args: Namespace) -> dict[str, Any]:
    from winsome.audit.refusals import audit_refusals

    if args.plan_judge:
        from winsome.audit.refusal_plan import judges_plan

        planned = judges_plan(args.file, args.plan_judge, pairs=args.pairs, ledger=args.ledger)
        if args.json:
            output.emit(asdict(planned))
        else:
            print("\n".join(planned.lines()))
        raise _PlanShown
    return audit_refusals(
        args.file,
        pairs=args.pairs,
        verdicts=args.judge_verdicts,
        sheet=args.sheet,
        labels=args.labels,
        classifier=_classifier(args.classifier),
        detect=args.detect,
        seed=args.seed,
    )


def _classifier(name: str) -> Classifier:
    from winsome.audit.refusal_sheet import each
    from winsome.text.refusals import grammar_kind, kind_of

    if name in ("linear", "rules"):
        return each(grammar_kind if name == "rules" else kind_of)
    from winsome.audit.refusal_checkpoint import checkpoint
    from winsome.errors import BadInput
    from winsome.names import parse

    spec = parse(name)
    if spec.kind != "hf":
        raise BadInput(f'--classifier "{name}": give linear, rules or hf:MODEL')
    return checkpoint(spec)


def _default_context(args: Namespace) -> dict[str, Any]:
    from winsome.audit.default_context import default_context_record
    from winsome.suites.default_context import default_context

    (contender,) = options.with_system([args.contender], args.system)
    found = default_context(
        contender,
        judge=args.judge,
        suite=args.suite,
        names=[] if args.attributes is None else args.attributes.split(","),
        table_of=args.table,
        adapted=args.adapted,
        limit=args.limit,
        sampling=options.sampling_of(args),
        **options.asked(args),
    )
    return default_context_record(
        found.contender, found.judge, found.default, found.adapted,
        prompts=found.prompts, failed=found.failed, unread=found.unread,
    )  # fmt: skip


class _PlanShown(Exception):
    pass
