"""One file a kind of step: a function whose keyword-only parameters are the step's keys, and what it reads and makes.

READS names the frames it needs, the first of them the one that `limit` and `for_each` cut; MAKES those it gives. Either may be a function
of the step's settings. RULES is the role whose functions it may name under the key RULE, PLANNED the keys that are not built yet,
VERSION is raised when results change.
"""
