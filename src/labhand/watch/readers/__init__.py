"""The readers of logs, one format a file."""
