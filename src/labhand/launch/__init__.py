"""The room launch: a command → a finished run, minor failures mended."""
