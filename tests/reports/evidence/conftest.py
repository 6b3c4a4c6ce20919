"""One county and its package, made once: nobody changes them."""

from pathlib import Path

import pytest

from evidence import Site, make_site
from jinbao_reports.cli import main


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("county"))


@pytest.fixture(scope="session")
def package(site: Site) -> Path:
    file = site.folder / "package.zip"
    assert main(["package", *site.asked("--out", str(file))]) == 0
    return file
