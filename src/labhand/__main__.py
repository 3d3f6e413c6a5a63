"""`python -m labhand`: the command line."""

from labhand.cli import main

main()
