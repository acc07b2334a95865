"""Machines to bootstrap on, wheels, and an organisation's own index."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from index import HOST, authority, index, proxy, serving  # neighbours that are no package
from machine import WHEELS, filled, machine_in

USER = "builder:s3cret%21word"


@pytest.fixture(params=["uv", "pip"])
def machine(request, tmp_path):
    return machine_in(tmp_path, request.param)


@pytest.fixture
def quick(tmp_path):
    """Where it does not matter who installs."""
    return machine_in(tmp_path, "uv")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("wheels"), WHEELS)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def private(certificates):
    """The organisation's index: behind a proxy, with its own authority and a password."""
    seen: list[str] = []
    with serving(index(WHEELS, USER.replace("%21", "!")), certificates[1]) as port, serving(proxy(port, seen)) as tunnel:
        yield {"url": f"https://{USER}@{HOST}/simple", "proxy": f"http://127.0.0.1:{tunnel}", "ca": str(certificates[0])}, seen
