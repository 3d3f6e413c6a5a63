"""The rules of check, one a file."""
