"""The one trainer, what it lowers (`objectives/`) and what it learns from."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Objective": {
        "apo_down": "winsome.training.objectives.apo_down:apo_down",
        "apo_zero": "winsome.training.objectives.apo_zero:apo_zero",
        "bco": "winsome.training.objectives.bco:bco",
        "cdpo": "winsome.training.objectives.cdpo:cdpo",
        "cpo": "winsome.training.objectives.cpo:cpo",
        "dove": "winsome.training.objectives.dove:dove",
        "dpo": "winsome.training.objectives.dpo:dpo",
        "dpo_nll": "winsome.training.objectives.dpo_nll:dpo_nll",
        "dpo_shift": "winsome.training.objectives.dpo_shift:dpo_shift",
        "dpop": "winsome.training.objectives.dpop:dpop",
        "exo": "winsome.training.objectives.exo:exo",
        "hinge": "winsome.training.objectives.hinge:hinge",
        "ipo": "winsome.training.objectives.ipo:ipo",
        "kto": "winsome.training.objectives.kto:kto",
        "ld_dpo": "winsome.training.objectives.ld_dpo:ld_dpo",
        "ln_dpo": "winsome.training.objectives.ln_dpo:ln_dpo",
        "nca": "winsome.training.objectives.nca:nca",
        "orpo": "winsome.training.objectives.orpo:orpo",
        "pro": "winsome.training.objectives.pro:pro",
        "rdpo": "winsome.training.objectives.rdpo:rdpo",
        "robust": "winsome.training.objectives.robust:robust",
        "rrhf": "winsome.training.objectives.rrhf:rrhf",
        "sft": "winsome.training.objectives.sft:sft",
        "simpo": "winsome.training.objectives.simpo:simpo",
        "slic": "winsome.training.objectives.slic:slic",
        "sppo": "winsome.training.objectives.sppo:sppo",
    },
    "RewardObjective": {
        "bradley_terry": "winsome.training.rewards.bradley_terry:bradley_terry",
        "general_preference": "winsome.training.rewards.general_preference:general_preference",
        "regression": "winsome.training.rewards.regression:regression",
    },
    "OnlineMethod": {
        "bon_distill": "winsome.training.online.bon_distill:bon_distill",
        "expert_iteration": "winsome.training.online.expert_iteration:expert_iteration",
        "grpo": "winsome.training.online.grpo:grpo",
        "online_dpo": "winsome.training.online.online_dpo:online_dpo",
        "reinforce_pp": "winsome.training.online.reinforce_pp:reinforce_pp",
        "rloo": "winsome.training.online.rloo:rloo",
    },
    "PairRule": {
        "best_worst": "winsome.training.pairs.best_worst:best_worst",
        "rank": "winsome.training.pairs.rank:rank",
        "provenance": "winsome.training.pairs.provenance:provenance",
        "length_band": "winsome.training.pairs.length_band:length_band",
    },
    "Trainer": {
        "online": "winsome.training.loops.online:online",
        "preference": "winsome.training.loops.preference:preference",
        "reward": "winsome.training.loops.reward:reward",
        "sft": "winsome.training.loops.supervised:sft",
    },
}
