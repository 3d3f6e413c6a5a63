"""The launcher `debug`: what a job sent to a cluster goes through, without the cluster."""

import pytest

from labhand.launch.contract import LauncherContract
from labhand.launch.launchers.debug import Launcher


class TestContract(LauncherContract):
    @pytest.fixture
    def launcher(self) -> Launcher:
        return Launcher()
