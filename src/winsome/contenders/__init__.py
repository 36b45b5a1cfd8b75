"""What answers prompts: recorded answers, models behind an address, local weights."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Contender": {
        "recorded": "winsome.contenders.recorded:recorded",
        "http": "winsome.contenders.endpoint:http",
        "https": "winsome.contenders.endpoint:http",
        "openai": "winsome.contenders.endpoint:openai",
        "hf": "winsome.contenders.local:hf",
        "embedded": "winsome.contenders.local:embedded",
        "vllm": "winsome.contenders.vllm:vllm",
    },
}
