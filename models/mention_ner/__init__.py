"""The mention NER: data preparation and training; the card is README.md."""
