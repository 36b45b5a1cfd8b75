"""Training on answers of one's own: drawn in phases, rewarded in one place, turned into units by a method, kept before use."""
