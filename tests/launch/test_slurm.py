"""The Slurm launcher against a real Slurm of two nodes on this machine."""

import pytest

from labhand.launch.contract import LauncherContract
from labhand.launch.launchers.slurm import Launcher


class TestContract(LauncherContract):
    @pytest.fixture
    def launcher(self, slurm) -> Launcher:
        return Launcher()
