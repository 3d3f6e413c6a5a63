"""Faults to plant in training programs, by theme."""
