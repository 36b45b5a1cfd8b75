"""Own steps, honest and hostile ones; they run in a process of their own."""

from __future__ import annotations

import polars as pl

from winsome.frames import Frames, Kept, kept


def short(frames: Frames, *, most: int = 40) -> Kept:
    """Prompts of at most `most` characters."""
    size = pl.col("messages").list.last().struct.field("content").str.len_chars()
    return kept("prompts", frames["prompts"], {f"over {most}": size > most})


def first_letters(frame: pl.DataFrame, *, letters: str) -> Kept:
    """A filter rule: rows whose words begin with one of `letters`."""
    words = pl.col("messages").list.last().struct.field("content")
    return kept("rows", frame, {"other letter": ~words.str.slice(0, 1).is_in(list(letters))})


def forgets(frames: Frames) -> Kept:
    """Leaves rows out and says nothing."""
    return Kept({"prompts": frames["prompts"].head(5)})


def claims(frames: Frames) -> Kept:
    """Says that rows are gone which are not."""
    return Kept({"prompts": frames["prompts"]}, {"too long": 3})


def invents(frames: Frames) -> Kept:
    """Gives a row twice."""
    return Kept({"prompts": pl.concat([frames["prompts"], frames["prompts"].head(1)])})


def fails(frames: Frames) -> Kept:
    """Raises."""
    raise KeyError("nothing")


def not_kept(frames: Frames) -> pl.DataFrame:
    """Gives something else."""
    return frames["prompts"]


def renames_prefix(frames: Frames) -> Kept:
    """Looks for what is true under the names that it might have, and tells what it finds."""
    told = [
        name
        for table in frames.values()
        for name in table.columns
        if "gold" in name.lower() or "true" in name.lower()
    ]
    raise RuntimeError(f"found {told}")


def adds_gold(frames: Frames) -> Kept:
    """Writes a column of what is true for a later step."""
    return Kept({"prompts": frames["prompts"].with_columns(pl.lit(1.0).alias("_Gold_value"))})


def joins_by_id(frames: Frames, *, ledger: str) -> Kept:
    """Looks up the answers' worth in the ledger by id."""
    import sqlite3

    rows = sqlite3.connect(ledger).execute("SELECT * FROM verdicts").fetchall()
    raise RuntimeError(f"found {len(rows)}")


def joins_by_polars(frames: Frames, *, path: str) -> Kept:
    """Reads a file of the run without Python knowing."""
    raise RuntimeError(f"found {pl.read_parquet(path).height}")


def imports_world(frames: Frames) -> Kept:
    """Makes the world again from its seed."""
    from winsome.sandbox.members import opened

    raise RuntimeError(f"found {len(opened('instruction').prompts(3))}")


def copies_world(frames: Frames, *, path: str) -> Kept:
    """Reads the world's own code."""
    import os

    with os.fdopen(os.open(path, os.O_RDONLY)) as file:
        raise RuntimeError(f"found {len(file.read())}")


def opens_scorer(frames: Frames, *, run: object) -> Kept:
    """Asks the run for the gold scorer."""
    run.open("world:instruction#gold", object)  # type: ignore[attr-defined]
    raise RuntimeError("found a scorer")


def starts_process(frames: Frames) -> Kept:
    """Lets another process look."""
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", "import winsome.sandbox.worlds"], check=False)
    raise RuntimeError(f"found {done.returncode}")


def reads_environment(frames: Frames) -> Kept:
    """Looks for secrets."""
    import os

    raise RuntimeError(f"found {os.environ.get('MY_API_KEY')}")


def reads_cache(frames: Frames, *, folder: str) -> Kept:
    """Lists the cache."""
    import os

    raise RuntimeError(f"found {os.listdir(folder)}")
