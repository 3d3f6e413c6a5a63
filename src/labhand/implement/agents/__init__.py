"""Agents: whoever changes code, one a file."""
