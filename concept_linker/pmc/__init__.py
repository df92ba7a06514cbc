"""Articles of PubMed Central: fetched from its Cloud Service, their figures read into records.

Needs the extra ``pmc`` (lxml, httpx).
"""
