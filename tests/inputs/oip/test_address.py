from __future__ import annotations

import pytest

from mlops_stage.errors import UsageError
from mlops_stage.inputs.oip.address import parsed, same_origin


@pytest.mark.parametrize(
    ("url", "origin", "path", "name", "version", "loopback"),
    [
        ("https://h.example/v2/models/m", "https://h.example", "/v2/models/m", "m", "", False),
        (
            " HTTPS://H.example:8443/a/b/v2/models/m%20x/versions/2/ ",
            "https://h.example:8443",
            "/a/b/v2/models/m%20x/versions/2",
            "m x",
            "2",
            False,
        ),
        ("http://localhost:8000/v2/models/m", "http://localhost:8000", "/v2/models/m", "m", "", True),
        ("http://127.9.9.9/v2/models/m", "http://127.9.9.9", "/v2/models/m", "m", "", True),
        ("http://[::1]:80/v2/models/m", "http://[::1]:80", "/v2/models/m", "m", "", True),
        ("http://127.0.0.1.example/v2/models/m", "http://127.0.0.1.example", "/v2/models/m", "m", "", False),
        ("http://2130706433/v2/models/m", "http://2130706433", "/v2/models/m", "m", "", False),
        ("http://model_server/v2/models/m", "http://model_server", "/v2/models/m", "m", "", False),
    ],
)
def test_the_parts_of_an_address(url, origin, path, name, version, loopback):
    found = parsed(url, "model")
    assert (found.origin, found.path, found.name, found.version, found.loopback) == (origin, path, name, version, loopback)
    assert found.url == origin + path
    assert found.server == path.partition("/v2/")[0] + "/v2"


WRONG = [
    "https://h.example",
    "https://h.example/v2/models",
    "https://h.example/v2/models/m/infer",
    "https://h.example/v2/models/..",
    "https://h.example/v2/models/%2e%2e",
    "https://h.example/v2/models/m?token=canary",
    "https://h.example/v2/models/m#x",
    "https:///v2/models/m",
    "https://..../v2/models/m",
    "https://%00/v2/models/m",
    "https://" + "a" * 64 + ".example/v2/models/m",
    "https://-h/v2/models/m",
    "https://h ost/v2/models/m",
    "https://h\n.example/v2/models/m",
    "https://h\\@other.example/v2/models/m",
    "https://ü.example/v2/models/m",
    "https://[::1/v2/models/m",
    "https://h:99999/v2/models/m",
    "https://h:x/v2/models/m",
    "https://canary:canary@h/v2/models/m",
    "https://canary@h/v2/models/m",
    "s3://bucket/v2/models/m",
    "file:///v2/models/m",
    "://",
]


@pytest.mark.parametrize("url", WRONG)
def test_what_is_no_address_is_wrong_usage_in_one_line_without_its_password(url):
    with pytest.raises(UsageError) as caught:
        parsed(url, "baseline")
    assert caught.value.message.startswith("baseline: ")
    assert "\n" not in caught.value.message
    assert "canary" not in caught.value.message
    assert caught.value.hint


def test_origins_are_the_same_by_scheme_host_and_port():
    assert same_origin("https://H/x", "https://h:443/y")
    assert same_origin("http://h:80", "http://h")
    for other in ("http://h", "https://h:444", "https://i", "https://h.i", "https://[", "https://h:x"):
        assert not same_origin("https://h/x", other)
