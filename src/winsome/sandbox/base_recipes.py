"""How each size of base is trained: the recipes that their cards carry and that their names in the cache stand for."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from winsome.records import digest


@dataclass(frozen=True)
class Recipe:
    """How one size is trained. Updates of each phase; `batch` examples an update; the rate falls by a cosine to a tenth.

    A share `faulty` of the demonstrations errs: a base that copies their writers knows better than it says, which is what
    preferences can bring out. From right answers alone it errs only where it cannot do better, and nothing raises it.
    `grown` names the size whose base of the same world is widened and deepened to start from; "" starts from random weights.
    """

    documents: int
    demonstrations: int
    batch: int
    rate: float
    warmup: int = 300
    decay: float = 0.01
    clip: float = 1.0
    faulty: float = 0.4
    seed: int = 0
    grown: str = ""

    @property
    def id(self) -> str:
        """Digest of all that is set here and of the recipe that it grows from."""
        return digest([asdict(self), RECIPES[self.grown].id if self.grown else ""])


RECIPES: dict[str, Recipe] = {
    "0.2M": Recipe(documents=600, demonstrations=3400, batch=64, rate=4e-3),
    "1M": Recipe(documents=600, demonstrations=2000, batch=64, rate=3e-3, faulty=0.3),
    "3M": Recipe(documents=0, demonstrations=110, batch=64, rate=1e-3, warmup=20, faulty=0.2, grown="1M"),
}
MINUTES = {"0.2M": 5, "1M": 9, "3M": 2}
"""About how long one core is busy making a base, measuring it included."""
