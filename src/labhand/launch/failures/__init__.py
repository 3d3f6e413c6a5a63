"""Why an attempt ended badly, one kind a file."""
