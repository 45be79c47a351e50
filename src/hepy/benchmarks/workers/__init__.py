"""Child processes that measure one engine each, in the engine's own environment.

These modules run on Python 3.8 and import nothing of hepy (only hepy_engine does, where hepy is the engine): a peer's
environment has the peer and nothing else. The parent's side is hepy.benchmarks.client.
"""
