"""Sources become one folder on disk, and the folder a memory-mapped knowledge base."""
