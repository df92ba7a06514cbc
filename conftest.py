"""Puts the checkout first on the path, so that tests and doctests read one and the same code."""
