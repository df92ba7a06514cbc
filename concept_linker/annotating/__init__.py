"""Annotating millions of captions: shards, resuming, and the engines that do the work."""
