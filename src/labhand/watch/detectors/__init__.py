"""The detectors of watch, one a file."""
