"""The room check: code → findings."""
