"""The images of records: their files and their pixels."""
