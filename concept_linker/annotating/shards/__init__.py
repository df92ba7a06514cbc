"""Shards: cutting the input, parsing rows, linking them, building spans, writing files."""
