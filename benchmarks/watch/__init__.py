"""The parts of the benchmark of watch."""
