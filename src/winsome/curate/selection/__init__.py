"""One file a way of choosing rows under a budget."""
