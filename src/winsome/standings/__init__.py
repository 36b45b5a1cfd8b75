"""From battles to standings: pure functions over columns, without input or output."""

from __future__ import annotations

from winsome.standings.agreement import (
    Agreement,
    accuracy,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    pairwise_agreement,
    rating_counts,
)
from winsome.standings.battles import Battles, battles
from winsome.standings.bradley_terry import bradley_terry
from winsome.standings.columns import Codes
from winsome.standings.combine import combine
from winsome.standings.control_variates import ControlVariates, control_variates
from winsome.standings.elo import elo
from winsome.standings.glicko2 import glicko2
from winsome.standings.grades import Grades, grade_mean, wildbench_reward, wildbench_score
from winsome.standings.judge_noise import JudgeNoise, judge_noise
from winsome.standings.label_plan import LabelPlan, label_plan
from winsome.standings.length_control import Calibration, length_controlled
from winsome.standings.paired import PairedDifference, paired_difference
from winsome.standings.pairwise import Pairwise, pairwise
from winsome.standings.plackett_luce import Places, pairs, plackett_luce
from winsome.standings.power import Pilot, Plan, pilot, plan
from winsome.standings.sequential import SequentialRate, confidence_sequence, e_values, sequential_win_rate
from winsome.standings.style_control import style_controlled
from winsome.standings.table import Row, Standings
from winsome.standings.ties import bradley_terry_ties
from winsome.standings.win_rate import win_rate

__all__ = [
    "Agreement",
    "Battles",
    "Calibration",
    "Codes",
    "ControlVariates",
    "Grades",
    "JudgeNoise",
    "LabelPlan",
    "PairedDifference",
    "Pairwise",
    "Pilot",
    "Places",
    "Plan",
    "Row",
    "SequentialRate",
    "Standings",
    "accuracy",
    "battles",
    "bradley_terry",
    "bradley_terry_ties",
    "cohen_kappa",
    "combine",
    "confidence_sequence",
    "control_variates",
    "e_values",
    "elo",
    "fleiss_kappa",
    "glicko2",
    "grade_mean",
    "judge_noise",
    "krippendorff_alpha",
    "label_plan",
    "length_controlled",
    "paired_difference",
    "pairwise",
    "pairwise_agreement",
    "pairs",
    "pilot",
    "plackett_luce",
    "plan",
    "rating_counts",
    "sequential_win_rate",
    "style_controlled",
    "wildbench_reward",
    "wildbench_score",
    "win_rate",
]
