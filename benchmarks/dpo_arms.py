"""One arm of `dpo_vs_trl`: a process that loads SmolLM2, then does one update for every line it reads and prints its cost.

Both sides train on the same token ids from the same start; an update sees every pair, so the order of pairs does not matter.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RATE, BETA, RANK = 1e-6, 0.1, 16
ARMS = ("winsome", "trl-best", "trl-default")
PAIRS = 2
"""Of ours in a micro-batch: as many as stay below the memory that TRL takes at its best settings."""


def main(
    winsome: Callable[[argparse.Namespace], None] | None = None,
    trl: Callable[[argparse.Namespace], None] | None = None,
    about: str | None = __doc__,
) -> None:
    """Run the arm that the command names, on one thread; those of this file unless others are given."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("--mode", choices=("full", "lora"), required=True)
    parser.add_argument("--pairs", type=int, required=True)
    parser.add_argument("--prompt", type=int, required=True)
    parser.add_argument("--answer", type=int, required=True)
    parser.add_argument("--updates", type=int, required=True)
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    ((winsome or _winsome) if given.arm == "winsome" else (trl or _trl))(given)


def pairs(tokenizer: Any, n: int, prompt: int, answer: int) -> list[tuple[list[int], list[int], list[int]]]:
    """Prompts, chosen and rejected answers as ids: running text of the documentation, cut to size, every prompt another."""
    text = "\n".join(file.read_text("utf-8") for file in sorted((ROOT / "docs").rglob("*.md")))
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    each = prompt + 2 * answer
    found = []
    for i in range(n):
        piece = [ids[(i * each + j) % len(ids)] for j in range(each)]
        found.append((piece[:prompt], piece[prompt : prompt + answer], piece[prompt + answer :]))
    return found


def told(cpu: float, loss: float) -> None:
    """Say what an update cost: CPU seconds, its loss, the process's peak memory so far in GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"cpu": cpu, "loss": loss, "peak": peak}), flush=True)


def asked() -> bool:
    """Wait for the next update to be asked for; False at the end."""
    return bool(sys.stdin.readline().strip())


def plan_of(given: argparse.Namespace, micro_pairs: int) -> Any:
    """The product's plan of an arm."""
    from winsome.training.plan import Plan

    return Plan(
        updates=given.updates,
        batch=given.pairs,
        micro_tokens=micro_pairs * (given.prompt + 2 * given.answer),
        rate=RATE,
        schedule="constant",
        warmup=0.0,
        adapter="lora" if given.mode == "lora" else "none",
        lora_rank=RANK,
        lora_alpha=2.0 * RANK,
        save_every=0,
    )


def units_of(given: argparse.Namespace, tokenizer: Any) -> Any:
    """The pairs as the product's units."""
    import numpy as np

    from winsome.training.units import Flat, Units

    held = pairs(tokenizer, given.pairs, given.prompt, given.answer)
    answers = [answer for _, chosen, rejected in held for answer in (chosen, rejected)]
    prompts = [prompt for prompt, _, _ in held for _ in range(2)]

    def starts(of: list[list[int]]) -> Any:
        return np.cumsum([0, *map(len, of)])

    flat = Flat(
        np.concatenate(prompts).astype(np.int32),
        starts(prompts),
        np.concatenate(answers).astype(np.int32),
        starts(answers),
    )
    rows = {"chosen": np.arange(0, 2 * given.pairs, 2), "rejected": np.arange(1, 2 * given.pairs, 2)}
    sizes = np.full(given.pairs, given.prompt + 2 * given.answer)
    return Units([str(i) for i in range(given.pairs)], flat, rows, {}, sizes)


def stepped(network: Any, task: Any, plan: Any, ranks: Any, scratch: Path) -> None:
    """The product's trainer, one update for every line that comes in."""
    from winsome.training.progress import Progress
    from winsome.training.trainer import Trainer

    trainable = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    progress = Progress(scratch / "log.jsonl", lambda _line: None)
    trainer = Trainer(task, trainable, plan, ranks, scratch, 0, {}, progress)
    while asked():
        began = time.process_time()
        figures = trainer.step()
        told(time.process_time() - began, figures["loss"])


def _winsome(given: argparse.Namespace) -> None:
    """The product's own trainer, step by step: packed pairs, stored reference, bfloat16 products over float32 weights."""
    import numpy as np
    import torch

    from winsome.models.logprobs import Want, logprobs
    from winsome.training import parallel, start
    from winsome.training.objective import objective
    from winsome.training.references import Stored
    from winsome.training.start import Start
    from winsome.training.task import TextTask

    with tempfile.TemporaryDirectory() as scratch:
        plan = plan_of(given, PAIRS)
        model = start.load(Start("embedded:smollm2-135m", "smollm2-135m", "", "float32"))
        units = units_of(given, model.tokenizer)
        ranks = parallel.started("auto", (), Path(scratch))
        with torch.no_grad():
            of_start = logprobs(
                model.network,
                units.sequences[:],
                Want(tokens=True),
                row_tokens=plan.micro_tokens,
                compute="bfloat16",
            )
        assert of_start.tokens is not None
        ends = np.arange(2 * given.pairs + 1) * given.answer
        known = Stored(of_start.tokens.numpy(), ends)
        model = start.adapt(
            model, plan.adapter, rank=plan.lora_rank, alpha=plan.lora_alpha, targets=(), seed=0
        )
        parallel.wrap(ranks, model.network)
        lowered = objective(f"dpo?beta={BETA}")
        task = TextTask(units, lowered, {"reference": known}, ranks, "bfloat16", plan.micro_tokens)
        stepped(model.network, task, plan, ranks, Path(scratch))


def _trl(given: argparse.Namespace) -> None:
    """TRL's DPOTrainer, held before every update; best: no checkpointing, precomputed reference, micro-batches of one."""
    import trl
    from transformers import AutoModelForCausalLM

    best = {"gradient_checkpointing": False, "precompute_ref_log_probs": True}
    held_by_trl(
        given,
        trl.DPOTrainer,
        trl.DPOConfig,
        {"beta": BETA, **(best if given.arm == "trl-best" else {})},
        {"task_type": "CAUSAL_LM"},
        lambda prompt, chosen, rejected: {
            "prompt_ids": prompt,
            "chosen_ids": chosen,
            "rejected_ids": rejected,
        },
        lambda place: AutoModelForCausalLM.from_pretrained(place, dtype="float32"),
    )


def held_by_trl(
    given: argparse.Namespace,
    trainer_class: Any,
    config_class: Any,
    settings: dict[str, Any],
    of_adapter: dict[str, Any],
    row: Callable[[list[int], list[int], list[int]], dict[str, Any]],
    network: Callable[[Path], Any],
) -> None:
    """A trainer of TRL's on ids that are there already, which waits before every update until it is asked for."""
    import datasets
    import transformers
    from transformers import AutoTokenizer, TrainerCallback

    from winsome.models.fetch import folder

    datasets.disable_progress_bars()
    place = folder("smollm2-135m")
    tokenizer = AutoTokenizer.from_pretrained(place)
    held = pairs(tokenizer, given.pairs, given.prompt, given.answer)
    micro = 1 if given.arm == "trl-best" else min(4, given.pairs)
    adapter: dict[str, Any] = {}
    if given.mode == "lora":
        from peft import LoraConfig

        from winsome.training.start import TARGETS

        adapter["peft_config"] = LoraConfig(
            r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules=list(TARGETS), **of_adapter
        )

    class Held(TrainerCallback):
        began = 0.0
        spent = 0.0

        def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if not asked():
                sys.exit(0)
            self.began = time.process_time()

        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            self.spent = time.process_time() - self.began

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **others: Any) -> None:
            if logs and "loss" in logs:
                told(self.spent, float(logs["loss"]))

    class Tokenised(trainer_class):
        """Texts would be tokenised again, into other lengths."""

        def _prepare_dataset(self, dataset: Any, *others: Any, **more: Any) -> Any:
            return dataset

    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as scratch:
        config = config_class(
            output_dir=scratch,
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=given.pairs // micro,
            max_steps=given.updates,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            **settings,
        )
        trainer = Tokenised(
            model=network(place),
            args=config,
            train_dataset=datasets.Dataset.from_list([row(*pair) for pair in held]),
            processing_class=tokenizer,
            callbacks=[Held()],
            **adapter,
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()


if __name__ == "__main__":
    main()
