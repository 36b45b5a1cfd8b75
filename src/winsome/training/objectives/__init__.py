"""What training lowers: one small file an objective, with its equation, its source and what it reads (`NEEDS`)."""
