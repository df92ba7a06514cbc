"""Annotates millions of captions into shards of image-text-concept triplets.

In the order in which data flows: :mod:`.annotate` is the run, and :mod:`.job` says what it does;
:mod:`.inputs` finds files and reads raw rows; :mod:`.shards` cuts them into shards, links a shard
and writes it; :mod:`.engines` distribute shards over processes or machines; :mod:`.resume` records
which shards are finished; :mod:`.monitor` shows progress and :mod:`.report` holds the counts.
"""
