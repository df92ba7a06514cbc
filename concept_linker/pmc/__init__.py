"""Fetches articles from the PMC Cloud Service and extracts their figures into records.

Needs the extra ``pmc`` (lxml, httpx).
"""
