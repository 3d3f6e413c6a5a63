"""The built-in failures keep the contract that those of others are held to."""

from pathlib import Path

import pytest

from labhand.core import registry
from labhand.launch.contract import FailureContract

ROOT = Path(__file__).parents[2]


class TestBuiltInFailures(FailureContract):
    @pytest.fixture(params=registry.extensions("failure"), ids=lambda extension: extension.name)
    def files(self, request: pytest.FixtureRequest) -> tuple[Path, Path]:
        case = ROOT / "cases" / "launch" / f"{request.param.name}.md"
        return registry.source_of(request.param), case
