"""The command `winsome`: finds the verb, runs it, and turns every outcome into an exit code.

0 complete; 1 a bug; 2 the user's mistake; 3 finished with holes; 130 interrupted after what was bought is kept.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from winsome import __version__
from winsome.cli.output import clipped, hush, settle_streams, tell
from winsome.cli.parsing import Parser, nearest, unquoted
from winsome.cli.verbs import VERBS
from winsome.errors import BadInput, WinsomeError

INTERRUPTED = 130

EXTRAS = {
    "torch": "local", "transformers": "local", "safetensors": "local", "gguf": "local",
    "accelerate": "train", "peft": "train", "psycopg": "postgres", "ray": "ray", "vllm": "vllm",
    "fastapi": "server", "uvicorn": "server",
}  # fmt: skip
"""Package -> the extra that installs it."""


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of `winsome ARGV..`."""
    words = list(sys.argv[1:] if argv is None else argv)
    settle_streams()
    try:
        _see_own_modules()
        code = _run(words)
        sys.stdout.flush()
        return code
    except WinsomeError as error:
        tell(clipped(f"winsome: {unquoted(words, str(error))}"))
        return error.exit_code
    except KeyboardInterrupt:
        tell("winsome: interrupted; what was bought is kept, and the same command goes on from there")
        return INTERRUPTED
    except BrokenPipeError:
        hush()
        return 0
    except OSError as error:
        if error.strerror is None:
            return _bug()
        place = f"{error.filename}: " if error.filename is not None else ""
        tell(
            clipped(f"winsome: {place}{error.strerror}; check the path, its rights and the room on the disk")
        )
        return BadInput.exit_code
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            return _bug()
        tell(f"winsome: {error.name} is not installed; install it with: pip install 'winsome[{extra}]'")
        return BadInput.exit_code
    except Exception:
        return _bug()


def _bug() -> int:
    import traceback

    traceback.print_exc()
    tell("winsome: this is a bug in winsome, not a mistake of yours; what was bought is kept")
    return 1


def _see_own_modules() -> None:
    """Let kinds of one's own be named from their folder; it is searched last, so that nothing installed is shadowed."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)


def _run(words: list[str]) -> int:
    first = words[0] if words else "--help"
    if first in ("-h", "--help", "help") and len(words) < 2:
        print(overview())
        return 0
    if first == "help":
        words = [words[1], "--help"]
    if first == "--version":
        print(f"winsome {__version__}")
        return 0
    verb = words[0]
    if verb not in VERBS:
        raise BadInput(f'no command "{verb}"{nearest(verb, VERBS)} (known: {", ".join(VERBS)})')
    args = parser_of(verb).parse_args(words[1:])
    args.words = words
    return args.verb(args)


def parser_of(verb: str) -> Parser:
    """The parser of one verb; its module is imported here."""
    name, summary = VERBS[verb]
    module = importlib.import_module(name)
    parser = Parser(
        prog=f"winsome {verb}", description=_sentence(summary), epilog=getattr(module, "EPILOG", None)
    )
    parser.set_defaults(verb=module.run)
    module.add(parser)
    return parser


def _sentence(summary: str) -> str:
    return summary[0].upper() + summary[1:] + "."


def overview() -> str:
    """What `winsome --help` says."""
    width = max(map(len, VERBS))
    lines = [
        "usage: winsome COMMAND ...",
        "",
        "Measure win rates, know how far they can be trusted, and raise them.",
        "",
        "commands:",
        *(f"  {verb:<{width}}  {summary}" for verb, (_, summary) in VERBS.items()),
        "",
        "winsome COMMAND --help says what a command takes. Every command takes --json (one JSON document on standard",
        "output), --seed, --ledger and --quiet. Quote names: ? & ( ) # [ ] mean things to shells.",
        "exit codes: 0 complete, 2 a mistake in what was given, 3 finished with holes, 130 interrupted, 1 a bug",
    ]
    return "\n".join(lines)
