"""The recipe of the embedded open knowledge base; :func:`models.open_kb.sources.load` runs it."""
