"""Where runs execute, one place a file."""
