"""What surrounds the work: compiled code, forks, garbage collection, progress, models' places."""
