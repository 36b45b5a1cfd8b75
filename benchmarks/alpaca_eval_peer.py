"""AlpacaEval's own annotation of pairs, for `benchmarks.runner --peer`; run by a Python that has alpaca_eval, never by Winsome's.

    PYTHON alpaca_eval_peer.py OUTPUTS_1 OUTPUTS_2 BASE_URL FOLDER [CONCURRENCY]        prints one JSON document

The published configuration weighted_alpaca_eval_gpt4_turbo as released, but for where its client points; annotations are cached in
FOLDER as it always does.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from importlib import metadata
from pathlib import Path


def main() -> None:
    outputs_1, outputs_2, base, folder = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])
    at_once = sys.argv[5] if len(sys.argv) > 5 else "64"
    os.environ |= {
        "OPENAI_MAX_CONCURRENCY": at_once,
        "OPENAI_CLIENT_CONFIG_PATH": str(folder / "clients.json"),
    }
    # JSON is YAML: two clients' configuration without a YAML library
    (folder / "clients.json").write_text(json.dumps({"default": [{"api_key": "none", "base_url": base}]}))
    began = time.process_time()
    import alpaca_eval
    from alpaca_eval.annotators import PairwiseAnnotator

    imported = time.process_time() - began
    published = Path(alpaca_eval.__file__).parent / "evaluators_configs"
    for name in ("weighted_alpaca_eval_gpt4_turbo", "alpaca_eval_clf_gpt4_turbo"):
        if not (folder / name).exists():
            shutil.copytree(published / name, folder / name)
    began, clock = time.process_time(), time.perf_counter()
    annotator = PairwiseAnnotator(annotators_config="weighted_alpaca_eval_gpt4_turbo", base_dir=folder)
    pairs = [json.loads(Path(path).read_text("utf-8")) for path in (outputs_1, outputs_2)]
    annotated = annotator.annotate_head2head(outputs_1=pairs[0], outputs_2=pairs[1])
    result = {
        "n": len(annotated),
        "cpu": time.process_time() - began,
        "imports": imported,
        "wall": time.perf_counter() - clock,
        "shares": {row["instruction"]: row["preference"] - 1.0 for row in annotated},
        "versions": {name: metadata.version(name) for name in ("alpaca_eval", "openai", "pandas")},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
