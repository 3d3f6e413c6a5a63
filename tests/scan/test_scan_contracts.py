"""Every detector of scan keeps its contract."""

from pathlib import Path

import pytest

from labhand.core import registry
from labhand.scan.contract import ScanDetectorContract

CASES = Path(__file__).parents[2] / "cases" / "scan"


class TestDetectors(ScanDetectorContract):
    @pytest.fixture(params=registry.extensions("scan-detector"), ids=lambda e: e.name)
    def files(self, request):
        return registry.source_of(request.param), CASES / f"{request.param.name}.md"
