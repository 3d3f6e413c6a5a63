"""The hands: the only places that touch process, disk, git, network and clock, and what rooms share."""
