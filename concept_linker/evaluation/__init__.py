"""Evaluation of linking: matching, measures, calibration, error analysis, report."""
