"""Models that are bad judges: they talk nonsense, refuse, or change their format half way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from winsome.records import Prompt, Response, Sampling, Usage, assistant, digest, response_key


class Unruly:
    """Names the better answer (eee before ee before ooo), but for what `manner` does to its replies; a prompt is always
    answered alike, but by the moody, who draw anew."""

    batch = 1

    def __init__(self, manner: str, name: str) -> None:
        self.manner, self.name, self.id, self.asked = manner, name, digest(["unruly", manner]), 0

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        for prompt in prompts:
            self.asked += 1
            for draw in sampling.samples:
                key = response_key(prompt.id, self.id, sampling, draw)
                words = (assistant(self._said(prompt, draw)),)
                yield Response(prompt.id, self.name, key, draw, words, usage=Usage(1, 1, 1))

    def _said(self, prompt: Prompt, draw: int) -> str:
        chance = int(digest([prompt.text, draw] if self.manner == "moody" else prompt.text)[:6], 16) / 16**6
        _, first, second = prompt.text.split("<answer ", 2)
        right = "A" if _worth(first) > _worth(second) else "B"
        if self.manner in ("garbage", "moody") and chance < 0.3:
            return "lorem ipsum A dolor B sit amet"
        if self.manner == "refusals" and chance < 0.3:
            return "I'm sorry, but I cannot compare these."
        if self.manner == "turns" and self.asked > 300:
            return f"Well, all things considered one could say that {right} might be it, mightn't it?"
        return right


def _worth(answer: str) -> int:
    return 2 if "eee" in answer else 0 if "ooo" in answer else 1


def garbage(*, name: str = "garbage") -> Unruly:
    return Unruly("garbage", name)


def moody(*, name: str = "moody") -> Unruly:
    """Nonsense for three draws of ten, each draw by itself."""
    return Unruly("moody", name)


def refusals(*, name: str = "refusals") -> Unruly:
    return Unruly("refusals", name)


def turns(*, name: str = "turns") -> Unruly:
    return Unruly("turns", name)


def plain(*, name: str = "plain") -> Unruly:
    return Unruly("plain", name)
