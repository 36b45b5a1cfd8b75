"""New prompts written by models, and what they are taught from."""
