"""Judges that need no model: each side passes a check or does not. One file a rule."""
