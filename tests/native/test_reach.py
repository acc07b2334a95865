"""Where no variable names the index, the installer asks it: it alone knows its own files of settings."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import index as server

from mlops_stage.native import reach

FILES = {"pip-1.0-py3-none-any.whl": server.wheel("pip", "1.0", {"pip/__init__.py": ""})}


@pytest.fixture(params=["uv", "pip"])
def installer(request, monkeypatch, tmp_path):
    """Settings in a file of uv's or pip's, and nowhere else; returns how to write them."""
    for name in (*reach.INDEXES, "UV_FIND_LINKS", "PIP_FIND_LINKS", "UV_INDEX", "PIP_EXTRA_INDEX_URL", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    settings = tmp_path / "settings"
    monkeypatch.setenv("UV_CONFIG_FILE" if request.param == "uv" else "PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin" if request.param == "uv" else "/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    form = 'index-url = "{}"\n' if request.param == "uv" else "[global]\nindex-url = {}\n"
    return lambda url: settings.write_text(form.format(url))


def asked():
    found = reach.index({}, network=True)
    return found.state, found.says


def test_the_index_of_the_installers_own_settings_is_asked(installer):
    with server.serving(server.index(FILES)) as port:
        installer(f"http://127.0.0.1:{port}/simple")
        assert asked() == ("good", "the index that pip or uv is set up for answers")


def test_an_index_that_is_not_there_is_told_without_its_password(installer):
    installer("http://somebody:CANARY@127.0.0.1:9/simple")
    state, says = asked()
    assert (state, "CANARY" in says) == ("wrong", False)
