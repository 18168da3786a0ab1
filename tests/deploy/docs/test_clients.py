"""The programs of the page on clients run as written, against a real instance."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixture.client.language import LANGUAGES
from tests.fixture.documentation import TOP, Instance

PAGE = TOP / "deploy/docs/clients.md"
SHOP = "user,item,timestamp\n" + "".join(
    f"u{user},{item},{1_700_000_000 + 60 * user + k}\n"
    for user in range(20)
    for k, item in enumerate(("cup-7", "pot-1", "tea-3", "jar-2"))
)


def programs(language: str) -> list[str]:
    """The programs of a language on the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A shop that has had some visitors."""
    folder = tmp_path_factory.mktemp("shop")
    instance = Instance(folder, ["serve"], "serve: ready")
    (folder / "shop.csv").write_text(SHOP)
    instance.run(["riverwalk produce shop.csv"])
    instance.settle()
    yield instance
    instance.close()


def check(printed: str) -> None:
    """The list has no cup once the user has it, and a message tells the same."""
    now, changed = (re.search(rf"^{word} (.*)", printed, re.M) for word in ("now", "changed"))

    assert now is not None, printed
    assert changed is not None, printed
    for line in (now[1], changed[1]):
        assert "pot-1" in line, printed
        assert "cup-7" not in line, printed


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_the_python_programs_run(shop: Instance, tmp_path: Path, number: int) -> None:
    file = tmp_path / "example.py"
    file.write_text(shop.here(programs("python")[number]))
    done = subprocess.run([sys.executable, "-W", "error", file], capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    check(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_programs_of_other_languages_run(shop: Instance, tmp_path: Path, language: str) -> None:
    known = LANGUAGES[language]
    if known.missing:
        pytest.skip(f"{', '.join(known.missing)} is not installed; the {language} program is not run")
    [program] = programs(language)

    check(known.run(shop.here(program), tmp_path))


def test_the_page_has_a_program_of_each_language() -> None:
    assert len(programs("python")) == 2
    assert all(len(programs(language)) == 1 for language in LANGUAGES)
    assert len(programs("sh")) == 2
