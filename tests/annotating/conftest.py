"""The fixtures of :mod:`runs`."""

from runs import job_for, many, small_base

__all__ = ["job_for", "many", "small_base"]
