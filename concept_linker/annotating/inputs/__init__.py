"""The input: which files are read, what kind they are, their raw rows and their columns."""
