"""One file an operator: a frame and keyword settings in, what is kept and what was dropped by reason out."""
