"""One real Prefect server for the whole session, with a database of its own and no telemetry."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "DO_NOT_TRACK": "1",
}


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Prefect server; flows of this process use it."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # Prefect and what it is built on warn about their own futures; ours are still errors inside the tests.
        warnings.simplefilter("ignore")
        for name, value in QUIET.items():
            patch.setenv(name, value)
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=240):
            yield
