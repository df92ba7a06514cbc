"""The everyday words that the dictionary passes over, with their recipe."""
