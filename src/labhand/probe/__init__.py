"""What runs inside the researcher's process: stdlib only, Python 3.8+, imports nothing of ours."""
