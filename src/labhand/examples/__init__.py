"""Real trainings that need no download. Nothing here imports labhand."""
