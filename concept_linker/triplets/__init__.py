"""Image-text-concept triplets: the MedConcept-23M record, its streams, offsets and provenance."""
