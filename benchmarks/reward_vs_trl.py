"""A reward model on SmolLM2-135M against TRL's RewardTrainer: CPU seconds an update at equal loss, full and LoRA, with peak memory.

    python -m benchmarks.reward_vs_trl [--mode full lora] [--pairs 8] [--prompt 384] [--answer 128] [--timed 3] [--out FILE]

Arms, turns, token ids and what is kept are those of `dpo_vs_trl`; every arm begins with the same new head.
"""

from __future__ import annotations

from benchmarks.dpo_vs_trl import main

if __name__ == "__main__":
    main("benchmarks.reward_arms", __doc__)
