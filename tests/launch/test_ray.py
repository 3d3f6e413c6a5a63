"""The Ray launcher against a real Ray on this machine."""

import pytest

from labhand.launch.contract import LauncherContract
from labhand.launch.launchers.ray import Launcher


class TestContract(LauncherContract):
    @pytest.fixture
    def launcher(self, ray) -> Launcher:
        return Launcher()
