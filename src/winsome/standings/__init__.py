"""From battles to standings: pure functions over columns, without input or output."""

from __future__ import annotations

from winsome.standings.battles import Battles, battles
from winsome.standings.bradley_terry import bradley_terry
from winsome.standings.columns import Codes
from winsome.standings.combine import combine
from winsome.standings.length_control import Calibration, length_controlled
from winsome.standings.paired import PairedDifference, paired_difference
from winsome.standings.pairwise import Pairwise, pairwise
from winsome.standings.table import Row, Standings
from winsome.standings.win_rate import win_rate

__all__ = [
    "Battles",
    "Calibration",
    "Codes",
    "PairedDifference",
    "Pairwise",
    "Row",
    "Standings",
    "battles",
    "bradley_terry",
    "combine",
    "length_controlled",
    "paired_difference",
    "pairwise",
    "win_rate",
]
