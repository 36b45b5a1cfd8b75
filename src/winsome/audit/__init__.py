"""How far a figure can be trusted: what a judge is worth, why two figures differ, and who games the answers, votes or judge."""
