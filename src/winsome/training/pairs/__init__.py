"""One file a rule that makes preference pairs of scored answers. Which answer is chosen is settled here and nowhere else."""
