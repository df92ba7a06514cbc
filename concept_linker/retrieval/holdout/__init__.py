"""Held-out sets of pairs: whole articles, and nothing nearly the same in the rest."""
