"""Image-text-concept triplets in the MedConcept-23M format: records, files, offsets, provenance."""
