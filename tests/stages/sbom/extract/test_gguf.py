"""GGUF files by their headers: what they say of themselves, and headers that no writer wrote."""

import random
import struct
import tracemalloc

import pytest

from mlops_stage.errors import InputError
from mlops_stage.inputs.gguf import read_header

U32, F32, BOOL, TEXT, ARRAY, U64 = 4, 6, 7, 8, 9, 10


def text(value):
    content = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(content)) + content


def texts(*values):
    return struct.pack("<IQ", TEXT, len(values)) + b"".join(map(text, values))


def key(name, kind, value):
    return text(name) + struct.pack("<I", kind) + value


def tensor(name, dims, kind, offset=0):
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def gguf(keys=(), tensors=(), *, version=3, rest=4096, counts=None):
    head = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(tensors), len(keys))))
    return head + b"".join(keys) + b"".join(tensors) + b"\0" * rest


KEYS = [
    key("general.architecture", TEXT, text("llama")),
    key("general.name", TEXT, text("Credit 7B\x1b")),
    key("general.organization", TEXT, text("Acme")),
    key("general.license", TEXT, text("apache-2.0")),
    key("general.file_type", U32, struct.pack("<I", 15)),
    key("general.tags", ARRAY, texts("finance", "chat")),
    key("general.base_model.count", U32, struct.pack("<I", 2)),
    key("general.base_model.0.name", TEXT, text("Base")),
    key("general.base_model.0.repo_url", TEXT, text("https://huggingface.co/acme/base")),
    key("general.base_model.1.name", TEXT, text("Other")),
    key("llama.context_length", U32, struct.pack("<I", 4096)),
    key("llama.attention.layer_norm_rms_epsilon", F32, struct.pack("<f", 1e-5)),
    key("tokenizer.ggml.add_bos_token", BOOL, b"\1"),
    key("tokenizer.ggml.tokens", ARRAY, texts(*(f"t{place}" for place in range(5000)))),
    key("tokenizer.ggml.scores", ARRAY, struct.pack("<IQ", F32, 5000) + b"\0" * 20_000),
    key("tokenizer.chat_template", TEXT, text("{{ x }}" * 5000)),
    key("split.tensors.count", U64, struct.pack("<Q", 3)),
]
TENSORS = [tensor("a", [32, 10], 12), tensor("b", [32], 0, 256), tensor("c", [16, 2], 14, 512)]


@pytest.mark.parametrize("version", [2, 3])
def test_a_file_is_told_by_its_header(project, version):
    project.write("m/model.gguf", gguf(KEYS, TENSORS, version=version))
    found = project.look(model="m/model.gguf")
    (model,) = found.models
    assert (model.name, model.text("architecture"), model.text("producer")) == ("Credit 7B", "llama", "Acme")
    assert (model.text("parameters"), model.text("precision"), model.text("quantised")) == ("384", "Q4_K=320,Q6_K=32,float32=32", "true")
    assert [(one.kind, one.text, one.source) for one in model.licences] == [("id", "Apache-2.0", "m/model.gguf")]
    assert model.text("metadata") == "general.file_type=Q4_K_M"
    assert model.text("hyperparameter") == "context_length=4096"
    assert [fact.value for fact in model.every("tag")] == ["chat", "finance"]
    assert [(one.name, one.relation, one.purl) for one in model.parents] == [
        ("Other", "base", ""),
        ("acme/base", "base", "pkg:huggingface/acme/base"),
    ]
    assert found.findings == ()


def test_pieces_of_one_file_are_summed_and_two_versions_are_not(project):
    project.write("m/x-00001-of-00002.gguf", gguf(KEYS, TENSORS[:1]))
    project.write("m/x-00002-of-00002.gguf", gguf([], TENSORS[1:]))
    (model,) = project.look(model="m").models
    assert (model.text("parameters"), model.name) == ("384", "Credit 7B")
    project.write("m/half.gguf", gguf(KEYS, [tensor("a", [32, 10], 1)]))
    (model,) = project.look(model="m").models
    assert (model.text("parameters"), model.text("quantised"), model.text("architecture")) == ("", "", "llama")
    assert {"m/half.gguf: parameters=320", "m/x.gguf: parameters=384", "m/half.gguf: quantised=false"} <= {
        fact.value for fact in model.every("part")
    }


@pytest.mark.parametrize("version", [1, 4, 0x03000000])
def test_another_version_is_told_and_not_read(project, rules, version):
    project.write("model.gguf", gguf(KEYS, TENSORS, version=version))
    found = project.look(model="model.gguf")
    assert rules(found) == ["sbom/unreadable"]
    assert (found.models[0].text("format"), found.models[0].text("parameters")) == ("GGUF", "")


HOSTILE = {
    "cut short": gguf(KEYS, TENSORS)[:200],
    "nothing but magic": b"GGUF\x03",
    "2^63 keys": gguf(counts=(0, 2**63)),
    "2^63 tensors": gguf(counts=(2**63, 0)),
    "a key that it does not hold": gguf(counts=(0, 300), rest=20),
    "a name of 2^63 bytes": gguf([struct.pack("<Q", 2**63)]),
    "a text of 2^63 bytes": gguf([key("a", TEXT, struct.pack("<Q", 2**63))]),
    "an array of 2^63 numbers": gguf([key("a", ARRAY, struct.pack("<IQ", U32, 2**63))]),
    "an array of 2^23 texts": gguf([key("a", ARRAY, struct.pack("<IQ", TEXT, 2**23))]),
    "arrays in arrays": gguf([key("a", ARRAY, struct.pack("<IQIQ", ARRAY, 1, ARRAY, 1))]),
    "an unknown type": gguf([key("a", 99, b"")]),
    "a key twice": gguf([KEYS[0], KEYS[0]]),
    "a tensor twice": gguf([], [TENSORS[0], TENSORS[0]]),
    "a tensor of 2^40 numbers": gguf([], [tensor("a\x1b", [2**20, 2**20], 0)]),
    "a tensor of 2^256 numbers": gguf([], [tensor("a", [2**63] * 4, 0)]),
    "a tensor behind the end": gguf([], [tensor("a", [1], 0, 2**40)]),
    "a tensor of 2^31 dimensions": gguf([], [text("a") + struct.pack("<I", 2**31)]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_an_error_in_one_line(project, name):
    project.write("model.gguf", HOSTILE[name])
    with pytest.raises(InputError, match=r"^model.gguf is no sound GGUF file: ") as error:
        project.look(model="model.gguf")
    assert error.value.message.isprintable()


def test_a_large_vocabulary_takes_no_memory(project):
    words = struct.pack("<IQ", TEXT, 30_000) + text("word") * 30_000
    project.write("model.gguf", gguf([*KEYS, key("many", ARRAY, words)], TENSORS))
    tracemalloc.start()
    try:
        (model,) = project.look(model="model.gguf").models
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert model.text("parameters") == "384"
    assert peak < 600_000  # as a list they would take two million


def test_changed_bytes_are_read_or_refused_in_one_line(tmp_path):
    chance = random.Random(11)
    content = gguf(KEYS[:13], TENSORS, rest=600)
    path = tmp_path / "model.gguf"
    read, refused = 0, []
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(chance.choice([1, 1, 3])):
            changed[chance.randrange(4, len(content) - 600)] = chance.choice([0, 1, 127, 255, chance.randrange(256)])
        path.write_bytes(bytes(changed))
        try:
            header = read_header(path)
        except InputError as error:
            refused.append(error.message)
            continue
        read += 1
        assert header.elements.total() <= 3 * 8 * len(content)
    assert all(message.isprintable() for message in refused)
    assert min(read, len(refused)) > 50, (read, len(refused))
