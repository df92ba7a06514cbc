"""Prior counts, and later the ranker, with their recipes."""
