"""One arm of `reward_vs_trl`: a process that loads SmolLM2, then does one update of a reward model for every line it reads.

Both sides train on the same token ids from the same weights and the same head; an update sees every pair.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.dpo_arms import ARMS, RANK, RATE, asked, pairs, told


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
    (_winsome if given.arm == "winsome" else _trl)(given)


def _head(width: int) -> Any:
    """The same new head for every arm."""
    import torch

    return torch.randn(1, width, generator=torch.Generator().manual_seed(0)) * 0.02


def _winsome(given: argparse.Namespace) -> None:
    """The product's own trainer, step by step: packed pairs, bfloat16 products over float32 weights."""
    import numpy as np
    import torch

    from winsome.training import parallel, start
    from winsome.training.objective import objective
    from winsome.training.plan import Plan
    from winsome.training.progress import Progress
    from winsome.training.rewards import start as heads
    from winsome.training.rewards.task import RewardTask, forward
    from winsome.training.start import Start
    from winsome.training.trainer import Trainer
    from winsome.training.units import Flat, Units

    lowered = objective("bradley_terry", "RewardObjective")
    with tempfile.TemporaryDirectory() as scratch:
        plan = Plan(
            updates=given.updates, batch=given.pairs, micro_tokens=given.prompt + 2 * given.answer, rate=RATE,
            schedule="constant", warmup=0.0, adapter="lora" if given.mode == "lora" else "none", lora_rank=RANK,
            lora_alpha=2.0 * RANK, save_every=0,
        )  # fmt: skip
        model = heads.load(Start("embedded:smollm2-135m", "smollm2-135m", "", "float32"), lowered, 1, 0)
        with torch.no_grad():
            model.network.score.weight.copy_(_head(model.network.config.hidden_size))
        held = pairs(model.tokenizer, given.pairs, given.prompt, given.answer)
        answers = [answer for _, chosen, rejected in held for answer in (chosen, rejected)]
        prompts = [prompt for prompt, _, _ in held for _ in range(2)]

        def starts(of: list[list[int]]) -> Any:
            return np.cumsum([0, *map(len, of)])

        flat = Flat(
            np.concatenate(prompts).astype(np.int32), starts(prompts), np.concatenate(answers).astype(np.int32), starts(answers)
        )  # fmt: skip
        rows = {"chosen": np.arange(0, 2 * given.pairs, 2), "rejected": np.arange(1, 2 * given.pairs, 2)}
        sizes = np.full(given.pairs, given.prompt + 2 * given.answer)
        units = Units([str(i) for i in range(given.pairs)], flat, rows, {}, sizes)
        ranks = parallel.started("auto", (), Path(scratch))
        model = start.adapt(
            model, plan.adapter, rank=plan.lora_rank, alpha=plan.lora_alpha, targets=(), seed=0, beside=("score",)
        )  # fmt: skip
        parallel.wrap(ranks, model.network, forward)
        trainable = [(name, p) for name, p in model.network.named_parameters() if p.requires_grad]
        task = RewardTask(units, lowered, ranks, "bfloat16", plan.micro_tokens)
        progress = Progress(Path(scratch) / "log.jsonl", lambda _line: None)
        trainer = Trainer(task, trainable, plan, ranks, Path(scratch), 0, {}, progress)
        while asked():
            began = time.process_time()
            figures = trainer.step()
            told(time.process_time() - began, figures["loss"])


def _trl(given: argparse.Namespace) -> None:
    """TRL's RewardTrainer, held before every update; best: bf16 autocast, no checkpointing, micro-batches of one."""
    import datasets
    import torch
    import transformers
    import trl
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback

    from winsome.models.fetch import folder

    datasets.disable_progress_bars()
    place = folder("smollm2-135m")
    tokenizer = AutoTokenizer.from_pretrained(place)
    held = pairs(tokenizer, given.pairs, given.prompt, given.answer)
    best = given.arm == "trl-best"
    micro = 1 if best else min(4, given.pairs)
    chosen: dict[str, Any] = {"gradient_checkpointing": False} if best else {}
    with tempfile.TemporaryDirectory() as scratch:
        settings = trl.RewardConfig(
            output_dir=scratch, per_device_train_batch_size=micro, gradient_accumulation_steps=given.pairs // micro,
            max_steps=given.updates, learning_rate=RATE, lr_scheduler_type="constant", use_cpu=True, logging_steps=1,
            max_length=None, save_strategy="no", report_to="none", disable_tqdm=True, **chosen,
        )  # fmt: skip
        adapter: dict[str, Any] = {}
        if given.mode == "lora":
            from peft import LoraConfig

            from winsome.training.start import TARGETS

            adapter["peft_config"] = LoraConfig(
                r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules=list(TARGETS), modules_to_save=["score"],
                task_type="SEQ_CLS",
            )  # fmt: skip

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

        class Tokenised(trl.RewardTrainer):
            """TRL's trainer on ids that are there already: texts would be tokenised again, into other lengths."""

            def _prepare_dataset(self, dataset: Any, *others: Any, **more: Any) -> Any:
                return dataset

        transformers.logging.set_verbosity_error()
        data = datasets.Dataset.from_list([{"chosen_ids": p + c, "rejected_ids": p + r} for p, c, r in held])
        network = AutoModelForSequenceClassification.from_pretrained(place, num_labels=1, dtype="float32")
        with torch.no_grad():
            network.score.weight.copy_(_head(network.config.hidden_size))
        trainer = Tokenised(
            model=network, args=settings, train_dataset=data, processing_class=tokenizer, callbacks=[Held()], **adapter
        )  # fmt: skip
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()


if __name__ == "__main__":
    main()
