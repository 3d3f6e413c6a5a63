"""Failure → fix, one a file."""
