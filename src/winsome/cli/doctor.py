"""winsome doctor: what is here and what is missing; reaches no network and shows no key."""

from __future__ import annotations

import os
import platform
import re
import sys
from argparse import Namespace
from importlib import metadata
from pathlib import Path
from typing import Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser
from winsome.errors import WinsomeError

OPTIONAL = {
    "torch": "local models (hf:, embedded:): pip install winsome[local]",
    "transformers": "local models: pip install winsome[local]",
    "psycopg": "ledgers in PostgreSQL: pip install winsome[postgres]",
    "accelerate": "training: pip install winsome[train]",
    "peft": "training adapters (without it all weights are trained): pip install winsome[train]",
    "tensorboard": "figures of a training run in TensorBoard (log.jsonl has them without it): pip install tensorboard",
    "wandb": "the same in Weights & Biases: pip install wandb",
    "mlflow": "the same in MLflow: pip install mlflow-skinny",
    "ray": "many machines: pip install winsome[ray]",
    "vllm": "vllm: contenders: pip install winsome[vllm]",
    "fastapi": "people label pairs on a page: pip install winsome[server]",
}
"""Module -> what it is for and how it comes."""

NAMED = {"mlflow": "mlflow-skinny"}
"""Module -> its distribution, where the names differ."""

KEYS = re.compile(r".+_(API_)?(KEY|TOKEN)$")


def add(parser: Parser) -> None:
    options.everywhere(parser)


def run(args: Namespace) -> int:
    found = findings(args.ledger)
    if args.json:
        output.emit(found)
    else:
        for line in lines(found):
            print(line)
    return 0 if found["ledger"]["sound"] else 2


def findings(ledger: str | None = None) -> dict[str, Any]:
    """Python, Winsome, packages, weights, the ledger, and which keys are set (by name only)."""
    from winsome import __version__

    return {
        "winsome": __version__,
        "python": {
            "version": platform.python_version(),
            "executable": sys.executable,
            "ok": sys.version_info >= (3, 11),
        },
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": _packages(),
        "optional": {name: _version(NAMED.get(name, name)) for name in OPTIONAL},
        "computing": _computing(),
        "weights": _weights(),
        "ledger": _ledger(ledger),
        "runs": len(list(Path(".winsome/runs").glob("*/run.json"))),
        "keys": sorted(name for name in os.environ if KEYS.match(name)),
    }


def _packages() -> dict[str, str | None]:
    """The direct dependencies by version; None where one is missing."""
    try:
        required = metadata.requires("winsome") or []
    except metadata.PackageNotFoundError:
        required = []
    names = [re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in required if "extra ==" not in line]
    return {name: _version(name) for name in names}


def _computing() -> dict[str, str]:
    """How training and local models compute here, and what each way falls back to; no package is imported for it."""
    from winsome.models.processor import bfloat16_pays

    if Path("/proc/driver/nvidia").exists() or Path("/dev/nvidia0").exists():
        return {
            "attention": "flex attention's block masks on the GPU (other architectures: block masks through SDPA)",
            "products": "bfloat16 from 20M parameters",
        }
    products = "bfloat16 from 20M parameters" if bfloat16_pays() else "float32 (no AVX-512 BF16 or AMX)"
    return {"attention": "block masks through SDPA (no GPU)", "products": products}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _weights() -> dict[str, str | None]:
    from winsome.models.fetch import PACKAGES, present

    places = {name: present(name) for name in PACKAGES}
    return {name: None if place is None else str(place) for name, place in places.items()}


def _ledger(where: str | None) -> dict[str, Any]:
    from winsome.ledger.store import DEFAULT, Ledger

    named = where or os.environ.get("WINSOME_LEDGER") or str(DEFAULT)
    if "://" not in named and not Path(named).exists():
        return {"place": named, "exists": False, "sound": True, "counts": {}, "problem": None}
    try:
        with Ledger.open(named) as ledger:
            return {
                "place": ledger.url,
                "exists": True,
                "sound": True,
                "counts": ledger.counts(),
                "problem": None,
            }
    except WinsomeError as error:
        from winsome.ledger.secrets import masked

        return {"place": masked(named), "exists": True, "sound": False, "counts": {}, "problem": str(error)}


def lines(found: dict[str, Any]) -> list[str]:
    """The findings as a person reads them."""
    python = found["python"]
    told = [
        f"winsome {found['winsome']} on Python {python['version']} ({found['platform']}, {found['cpus']} CPUs)",
        *([] if python["ok"] else ["Python 3.11 or later is needed; install it and make a new environment"]),
    ]
    missing = [name for name, version in found["packages"].items() if version is None]
    told.append(
        "packages: " + ("all here" if not missing else f"missing {', '.join(missing)}; pip install winsome")
    )
    for name, version in found["optional"].items():
        told.append(f"  {name}: {version}" if version else f"  {name}: not installed ({OPTIONAL[name]})")
    told += [f"  {what}: {how}" for what, how in found["computing"].items()]
    for name, place in found["weights"].items():
        told.append(f"weights of embedded:{name}: {place or f'not here; winsome models pull {name}'}")
    ledger = found["ledger"]
    if ledger["problem"]:
        told.append(f"ledger {ledger['place']}: {ledger['problem']}")
    elif not ledger["exists"]:
        told.append(f"ledger {ledger['place']}: none yet; the first command makes it")
    else:
        told.append(
            f"ledger {ledger['place']}: "
            + ", ".join(f"{n:,} {table}" for table, n in ledger["counts"].items() if n)
        )
    told.append(f"runs below .winsome/runs: {found['runs']}")
    told.append("keys in the environment (names only): " + (", ".join(found["keys"]) or "none"))
    return told
