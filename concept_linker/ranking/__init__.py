"""Candidate generation and ranking: which concept a mention means, and how likely that is."""
