"""What is nearly the same: images by perceptual hash, captions by their words."""
