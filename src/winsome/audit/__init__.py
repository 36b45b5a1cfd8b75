"""How far a figure can be trusted: what a judge is worth against people, and why two figures differ."""
