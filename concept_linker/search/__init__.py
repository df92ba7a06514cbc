"""Text to the nearest names: normalisation, exact lookup, and the index of character 3-grams.

Knows strings only; what they mean is the knowledge base's.
"""
