"""Which of the candidates a mention means, and how sure that is."""
