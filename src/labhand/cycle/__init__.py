"""The order of the verbs: check → launch → watch → report around a command."""
