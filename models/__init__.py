"""What is trained or compiled: each with its recipe, its card, and what ships."""
