"""The trainers: what each makes of its frames, and which objective it lowers."""
