"""The mention network, in numpy and compiled code."""
