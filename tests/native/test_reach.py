"""Where no variable names the index, the installer asks it: it alone knows its own files of settings."""

import os
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
    (found,) = reach.indexes(os.environ, network=True)
    return found.state, found.says


def test_the_index_of_the_installers_own_settings_is_asked(installer, request):
    with server.serving(server.index(FILES)) as port:
        installer(f"http://127.0.0.1:{port}/simple")
        assert asked() == ("good", f"the index that {request.node.callspec.params['installer']} is set up for answers")


def test_an_index_that_is_not_there_is_told_without_its_password(installer):
    installer("http://somebody:CANARY@127.0.0.1:9/simple")
    state, says = asked()
    assert (state, "CANARY" in says) == ("wrong", False)


OWN = "https://own.example/simple"


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"MLOPS_STAGE_INDEX_URL": OWN}, [f"{OWN} (MLOPS_STAGE_INDEX_URL)"]),
        ({"MLOPS_STAGE_INDEX_URL": OWN, "PIP_INDEX_URL": "https://p.example/a"}, ["https://p.example/a (PIP_INDEX_URL)"]),
        ({"UV_INDEX_URL": "https://u.example/a", "PIP_INDEX_URL": "https://p.example/a"}, ["https://u.example/a (UV_INDEX_URL)"]),
        (
            {"UV_INDEX": f"own={OWN} https://x:CANARY@u.example/b", "UV_DEFAULT_INDEX": "https://u.example/a"},
            ["https://u.example/a (UV_DEFAULT_INDEX)", f"{OWN} (UV_INDEX)", "https://***@u.example/b (UV_INDEX)"],
        ),
        (
            {"PIP_EXTRA_INDEX_URL": f"{OWN} https://p.example/b"},
            [f"{OWN} (PIP_EXTRA_INDEX_URL)", "https://p.example/b (PIP_EXTRA_INDEX_URL)"],
        ),
        ({"UV_FIND_LINKS": "wheels", "PIP_INDEX_URL": "https://p.example/a"}, ["the index that uv is set up for"]),
    ],
)
def test_the_indexes_are_those_that_the_bootstrap_would_install_from(tmp_path, env, told):
    (tmp_path / "uv").write_text("#!/bin/sh\n")
    (tmp_path / "uv").chmod(0o755)
    found = list(reach.indexes({"PATH": str(tmp_path), "HOME": str(tmp_path), **env}, network=False))
    assert [one.says for one in found] == [f"{one} was not asked" for one in told]


def test_without_uv_only_what_pip_was_told_counts(tmp_path):
    env = {"PATH": str(tmp_path), "UV_DEFAULT_INDEX": "https://u.example/a", "PIP_INDEX_URL": "https://p.example/a"}
    assert [one.says for one in reach.indexes(env, network=False)] == ["https://p.example/a (PIP_INDEX_URL) was not asked"]


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "PIP_CERT", "CURL_CA_BUNDLE"])
def test_an_authority_of_ones_own_is_trusted_by_whichever_variable_names_it(tmp_path, monkeypatch, variable):
    for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "localhost")
    root, chain = server.authority(tmp_path)
    with server.serving(server.index(FILES), chain) as port:
        env = {"PATH": str(tmp_path), "PIP_INDEX_URL": f"https://localhost:{port}/simple"}
        assert [one.state for one in reach.indexes({**env, variable: str(root)}, network=True)] == ["good"]
        (untrusted,) = reach.indexes(env, network=True)
        assert "not trusted" in untrusted.says
