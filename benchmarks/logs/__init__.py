"""Logs of small real trainings, as tools write them, half of them ill: see ../logs.py."""
