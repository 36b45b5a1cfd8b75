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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RATE, BETA, RANK = 1e-6, 0.1, 16
ARMS = ("winsome", "trl-best", "trl-default")
PAIRS = 2
"""Of ours in a micro-batch: as many as stay below the memory that TRL takes at its best settings."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("--mode", choices=("full", "lora"), required=True)
    parser.add_argument("--pairs", type=int, required=True)
    parser.add_argument("--prompt", type=int, required=True)
    parser.add_argument("--answer", type=int, required=True)
    parser.add_argument("--updates", type=int, required=True)
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    arm = _winsome if given.arm == "winsome" else _trl
    arm(given)


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


def _winsome(given: argparse.Namespace) -> None:
    """The product's own trainer, step by step: packed pairs, stored reference, bfloat16 products over float32 weights."""
    import numpy as np
    import torch

    from winsome.models.logprobs import Want, logprobs
    from winsome.training import parallel, start
    from winsome.training.objective import objective
    from winsome.training.plan import Plan
    from winsome.training.progress import Progress
    from winsome.training.references import Stored
    from winsome.training.start import Start
    from winsome.training.task import TextTask
    from winsome.training.trainer import Trainer
    from winsome.training.units import Flat, Units

    with tempfile.TemporaryDirectory() as scratch:
        plan = Plan(
            updates=given.updates,
            batch=given.pairs,
            micro_tokens=PAIRS * (given.prompt + 2 * given.answer),
            rate=RATE,
            schedule="constant",
            warmup=0.0,
            adapter="lora" if given.mode == "lora" else "none",
            lora_rank=RANK,
            lora_alpha=2.0 * RANK,
            save_every=0,
        )
        model = start.load(Start("embedded:smollm2-135m", "smollm2-135m", "", "float32"))
        held = pairs(model.tokenizer, given.pairs, given.prompt, given.answer)
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
        units = Units([str(i) for i in range(given.pairs)], flat, rows, {}, sizes)
        ranks = parallel.started("auto", (), Path(scratch))
        with torch.no_grad():
            of_start = logprobs(
                model.network, flat[:], Want(tokens=True), row_tokens=plan.micro_tokens, compute="bfloat16"
            )
        assert of_start.tokens is not None
        known = Stored(of_start.tokens.numpy(), starts(answers))
        model = start.adapt(
            model, plan.adapter, rank=plan.lora_rank, alpha=plan.lora_alpha, targets=(), seed=0
        )
        parallel.wrap(ranks, model.network)
        trainable = [(name, p) for name, p in model.network.named_parameters() if p.requires_grad]
        task = TextTask(
            units, objective(f"dpo?beta={BETA}"), {"reference": known}, ranks, "bfloat16", plan.micro_tokens
        )
        progress = Progress(Path(scratch) / "log.jsonl", lambda _line: None)
        trainer = Trainer(task, trainable, plan, ranks, Path(scratch), 0, {}, progress)
        while asked():
            began = time.process_time()
            figures = trainer.step()
            told(time.process_time() - began, figures["loss"])


def _trl(given: argparse.Namespace) -> None:
    """TRL's DPOTrainer, held before every update; best: no checkpointing, precomputed reference, micro-batches of one."""
    import datasets
    import transformers
    import trl
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

    from winsome.models.fetch import folder

    datasets.disable_progress_bars()
    place = folder("smollm2-135m")
    tokenizer = AutoTokenizer.from_pretrained(place)
    held = pairs(tokenizer, given.pairs, given.prompt, given.answer)
    best = given.arm == "trl-best"
    micro = 1 if best else min(4, given.pairs)
    chosen: dict[str, Any] = (
        {"gradient_checkpointing": False, "precompute_ref_log_probs": True} if best else {}
    )
    with tempfile.TemporaryDirectory() as scratch:
        settings = trl.DPOConfig(
            output_dir=scratch,
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=given.pairs // micro,
            max_steps=given.updates,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            beta=BETA,
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            **chosen,
        )
        adapter: dict[str, Any] = {}
        if given.mode == "lora":
            from peft import LoraConfig

            from winsome.training.start import TARGETS

            adapter["peft_config"] = LoraConfig(
                r=RANK,
                lora_alpha=2 * RANK,
                lora_dropout=0.0,
                target_modules=list(TARGETS),
                task_type="CAUSAL_LM",
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

        class Tokenised(trl.DPOTrainer):
            """TRL's trainer on ids that are there already: texts would be tokenised again, into other lengths."""

            def _prepare_dataset(self, dataset: Any, *others: Any, **more: Any) -> Any:
                return dataset

        transformers.logging.set_verbosity_error()
        data = datasets.Dataset.from_list(
            [{"prompt_ids": p, "chosen_ids": c, "rejected_ids": r} for p, c, r in held]
        )
        network = AutoModelForCausalLM.from_pretrained(place, dtype="float32")
        trainer = Tokenised(
            model=network,
            args=settings,
            train_dataset=data,
            processing_class=tokenizer,
            callbacks=[Held()],
            **adapter,
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()


if __name__ == "__main__":
    main()
