"""What in a text to look up."""
