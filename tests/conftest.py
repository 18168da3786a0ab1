"""What several test files share."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from deploy import kafka
from deploy.config.schema import BadConfig
from deploy.machine import compiler, kernel

kernel.keep()
compiler.install()
settings.register_profile(
    "riverwalk", deadline=None
)  # a kernel's first call compiles it, and machines are shared
settings.load_profile("riverwalk")


@pytest.fixture(scope="session")
def kafka_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Apache Kafka for the tests marked `kafka`; they are skipped, with the reason, where none can run."""
    gone = kafka.missing()
    if gone:
        pytest.skip(
            f"NO REAL KAFKA: {' and '.join(gone)} not found, nothing was tested against a real broker"
        )
    try:
        kafka.fetch()
    except BadConfig as exc:
        pytest.skip(f"NO REAL KAFKA: {exc}")
    folder = tmp_path_factory.mktemp("kafka")
    yield kafka.start(folder, 0)
    kafka.stop(folder)
