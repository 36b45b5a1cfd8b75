"""Detection and false alarms of the leaderboard audit on simulated arenas; the generator's settings are drawn, never told.

python benchmarks/audit_arenas.py 20 300000
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from collections import Counter
from typing import get_args

from tests.audit.arena import Family, Plant, arena, with_family
from winsome.audit.findings import share
from winsome.audit.variants import chosen_variants
from winsome.audit.vote_sources import bursts, suspicious_sources


def main(arenas: int, votes: int) -> None:
    """Half of the arenas are honest; the others have one plant of 0.1 to 1%, by 1 to 3,000 accomplices, in bursts or not.

    Every arena then gets two providers of each kind of family, with 3 to 10 variants.
    """
    families, named = Counter[str](), Counter[str]()
    honest, accused, heavy, hits, few, few_hits = 0, 0, 0, 0, 0, 0
    found_share: list[float] = []
    started = time.process_time()
    for seed in range(arenas):
        draw = np.random.default_rng(900 + seed)
        plant = Plant(
            share=float(np.exp(draw.uniform(np.log(0.001), np.log(0.01)))),
            accomplices=int(np.exp(draw.uniform(0, np.log(3000)))),
            target=int(draw.integers(5, 145)),
            width=float(draw.choice([1.0, 0.05, 0.005])),
            start=float(draw.uniform(0, 0.9)),
            decoys=float(draw.uniform(0, 0.5)),
        )
        planted = seed % 2 == 1
        if planted and plant.width == 1.0:
            plant = Plant(plant.share, plant.accomplices, plant.target, 1.0, 0.0, plant.decoys)
        made = arena(seed, votes=votes, sources=votes // 25, plants=(plant,) if planted else ())
        sources = suspicious_sources(made.battles, made.source, made.time)
        stretches = bursts(made.battles, made.time)
        held, providers = made, dict[str, str]()
        kinds = [*get_args(Family)] * 2
        for number, kind in enumerate(kinds):
            size = int(draw.integers(3, 11))
            held, family = with_family(held, 1_000 * seed + number, kind, f"maker {number}", size)
            providers |= family
        told = {one.provider for one in chosen_variants(held.battles, held.time, providers)}
        families.update(kinds)
        named.update(kind for number, kind in enumerate(kinds) if f"maker {number}" in told)
        wrong = {one.who for one in sources} - made.stuffers
        accused += len(wrong)
        heavy += len(wrong & (made.heavy | made.fans))
        if not planted:
            honest += bool(sources or stretches)
            continue
        target = {one.contender for one in sources if one.who in made.stuffers} | {
            one.found.contender for one in stretches
        }
        hit = plant.target in target
        hits += hit
        found_share.append(len({one.who for one in sources} & made.stuffers) / max(len(made.stuffers), 1))
        per = plant.share * votes * (1 - plant.decoys) / plant.accomplices
        few += per >= 8
        few_hits += hit and per >= 8
        print(f"{plant} {per:.1f} aimed votes each: {'found' if hit else 'missed'}", flush=True)
    planted = arenas // 2
    print("honest arenas with any alarm", share(honest, arenas - planted))
    print("sources wrongly accused", accused, "of them heavy voters or fans", heavy)
    for kind in get_args(Family):
        print(f"providers named, {kind}:", share(named[kind], families[kind]))
    print("plants found", share(hits, planted), "with 8 aimed votes a source or more", share(few_hits, few))
    print(
        f"sources of a plant found, mean {100 * np.mean(found_share):.0f}%; {time.process_time() - started:.0f} CPU s"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
