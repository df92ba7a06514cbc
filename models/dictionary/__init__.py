"""The everyday words that are not mentions, and how they are counted."""
