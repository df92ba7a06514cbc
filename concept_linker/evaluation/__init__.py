"""Measuring: gold corpora, linking accuracy, retrieval, near-duplicate images."""
