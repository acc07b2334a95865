"""Files made to hurt: no code runs, nothing outside is read, memory is bounded, and the error is one line."""

import json
import resource
import socket
import tracemalloc

import pytest

from mlops_stage.errors import InputError, StageError


def safetensors(header, rest=b""):
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + rest


def entry(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_safetensors_are_told_by_their_headers(project):
    header = {"__metadata__": {"format": "pt"}, "a": entry(0, 24, [2, 3]), "b": entry(24, 34, [5], "BF16")}
    project.write("m/model.safetensors", safetensors(header, b"\0" * 34))
    (model,) = project.look(model="m").models
    assert (model.text("parameters"), model.text("precision"), model.text("metadata")) == ("11", "float32=6,bfloat16=5", "format=pt")


def test_pieces_of_one_set_of_weights_are_summed_and_others_are_not(project):
    for name, rows in {"model-00001-of-00002": 2, "model-00002-of-00002": 3}.items():
        project.write(f"m/{name}.safetensors", safetensors({name: entry(0, 8 * rows, [rows, 2])}, b"\0" * 8 * rows))
    (model,) = project.look(model="m").models
    assert (model.text("parameters"), model.fact("parameters").source) == ("10", "m/model-00001-of-00002.safetensors and 1 more")
    project.write("m/half.safetensors", safetensors({"w": entry(0, 4, [1, 2], "F16")}, b"\0" * 4))
    (model,) = project.look(model="m").models
    assert (model.text("parameters"), model.text("precision")) == ("", "")
    assert [fact.value for fact in model.every("part")] == [
        "m/half.safetensors: parameters=2",
        "m/half.safetensors: precision=float16=2",
        "m/model.safetensors: parameters=10",
        "m/model.safetensors: precision=float32=10",
    ]


HOSTILE = {
    "header beyond the file": (10**9).to_bytes(8, "little") + b"{}",
    "header of all bytes": b"\xff" * 8 + b"{}",
    "no JSON": safetensors(b"{" * 5000),
    "deep JSON": safetensors(b'{"a":' * 50_000),
    "a name twice": safetensors(
        b'{"a":' + json.dumps(entry(0, 4, [1])).encode() + b',"a":' + json.dumps(entry(0, 4, [1])).encode() + b"}", b"\0" * 4
    ),
    "offsets beyond": safetensors({"a": entry(0, 400, [100])}, b"\0" * 4),
    "a shape of 2^62": safetensors({"a": entry(0, 4, [2**62])}, b"\0" * 4),
    "a negative shape": safetensors({"a": entry(0, 4, [-1])}, b"\0" * 4),
    "overlap": safetensors({"a": entry(0, 4, [1]), "b": entry(0, 4, [1])}, b"\0" * 4),
    "a type nobody knows": safetensors({"a": entry(0, 4, [1], "EVIL\x1b")}, b"\0" * 4),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_an_error_in_one_line(project, name):
    project.write("model.safetensors", HOSTILE[name])
    with pytest.raises(InputError, match="is no sound safetensors file") as error:
        project.look(model="model.safetensors")
    assert "\n" not in error.value.message
    assert "\x1b" not in error.value.message


def test_a_header_of_many_names_takes_memory_in_proportion(project):
    header = ",".join(f'"{place}":{{"dtype":"U8","shape":[1],"data_offsets":[{place},{place + 1}]}}' for place in range(40_000))
    project.write("model.safetensors", safetensors(f"{{{header}}}".encode(), b"\0" * 40_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (model,) = project.look(model="model.safetensors").models
    assert model.text("parameters") == "40000"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 80_000  # KiB; thirty times the header would be 75 MB


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08" + b"\xff" * 11,  # a number of more than ten bytes
        b"\x3a\xff\xff\xff\xff\x0f",  # a graph of 4 GiB
        b"\x3a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",  # a length of 2^63
        b"\x0b" * 100,  # groups, which ONNX does not have
        b"<!doctype html><html>log in</html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    ],
)
def test_a_hostile_onnx_file_is_an_error_in_one_line(project, content):
    project.write("model.onnx", content)
    with pytest.raises(StageError) as error:
        project.look(model="model.onnx")
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    "name", ["model.pkl", "model.joblib", "model.pt", "pytorch_model.bin", "m/model.ckpt", "model.dill", "model.unknown"]
)
def test_nothing_is_unpickled(project, name):
    project.explosive(name)  # it would end this very process
    (model,) = project.look(model=name).models
    assert len(model.files) == 1
    assert model.files[0].role in {"weights", "other"}


def test_no_socket_is_opened(project, monkeypatch):
    tried = []

    def refused(*arguments, **_):
        tried.append(arguments)
        raise OSError("no network")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    project.network("hub/model.onnx", external=True)
    project.write("hub/README.md", "---\nbase_model: acme/base\ndatasets: [imdb]\n---\n")
    project.json("hub/config.json", {"_name_or_path": "acme/base"})
    project.write("data.csv", "a,b\n1,2\n")
    project.write("uv.lock", '[[package]]\nname = "a"\nversion = "1"\n')
    project.commit(remote="https://host.invalid/acme/credit")
    found = project.look(model="hub", data="data.csv")
    assert found.models[0].parents
    assert not tried


def test_a_folder_of_hostile_text_stays_small(project):
    project.network("hub/model.onnx")
    project.write("hub/README.md", "---\n" + "tags:\n" + "- x\n" * 100_000 + "---\n" + "# Limitations\n" + "a" * 10**6)
    project.write("hub/config.json", '{"architectures": [' + '"x",' * 100_000 + '"y"]}')
    tracemalloc.start()
    try:
        (model,) = project.look(model="hub").models
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6
    assert len(model.facts) < 200
