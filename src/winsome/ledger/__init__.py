"""Keeps every prompt, response, match and verdict; `store.Ledger` is the way in. Importing the package costs nothing."""
