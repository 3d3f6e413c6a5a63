"""Pages and the report: shows, nothing else."""
