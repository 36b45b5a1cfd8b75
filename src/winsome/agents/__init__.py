"""What acts: models that call tools until they can answer."""

from __future__ import annotations

KINDS: dict[str, dict[str, str]] = {
    "Contender": {
        "tool_agent": "winsome.agents.tool_agent:tool_agent",
    },
}
