"""Seeded changes of all files that are read beside the weights: facts, or one clean error, and never a text that breaks a line."""

import json
import random

import numpy as np
import safetensors.numpy

from mlops_stage.errors import StageError

SHA = "a" * 64
FILES = {
    "hub/README.md": "---\nlicense: [mit]\nlanguage: en\nbase_model: a/b\ndatasets: [imdb]\nco2_eq_emissions: {emissions: 3}\n---\n## Limitations\n- `none`\n",
    "hub/config.json": json.dumps({"architectures": ["A"], "model_type": "t", "_name_or_path": "a/b", "hidden_size": 3}),
    "hub/adapter_config.json": json.dumps({"base_model_name_or_path": "a/b", "r": 8, "revision": None}),
    "hub/x.meta.json": json.dumps(
        {"model": {"name": "m.pkl", "sha256": SHA}, "onnx": {"name": "m", "sha256": SHA}, "data": {"name": "d", "sha256": SHA}}
    ),
    "pyproject.toml": '[project]\nname = "p"\nversion = "1"\nauthors = [{ name = "A" }]\nlicense = { text = "MIT" }\nurls = { Homepage = "https://x.example" }\n',
    "CITATION.cff": "title: T\nversion: 1\nlicense: MIT\ndoi: 10.1/x\n",
    "LICENSE": "MIT License\n",
    "uv.lock": f'[[package]]\nname = "a"\nversion = "1"\ndependencies = [{{ name = "b" }}]\nsdist = {{ hash = "sha256:{SHA}" }}\n',
    "c.odcs.yaml": "tenant: T\ndescription: {purpose: p}\nschema:\n- name: s\n  properties:\n  - {name: a, logicalType: integer, classification: secret}\n",
}
MARKS = [b"", b"\0", b"\xff", b"\x1b[31m", b"{", b"]", b'"', b"\n", b": ", b"- ", b"9" * 30, b"\xed\xa0\x80", b"&a *a", b"null", b"1e999"]


def test_changed_texts_give_facts_or_one_clean_error(project, unclean):
    chance = random.Random(17)
    weights = safetensors.numpy.save({"w": np.ones((3, 5), dtype=np.float16)}, {"format": "pt"})
    project.write("data.csv", "a,b\n1,2\n")
    read, messages = 0, []
    for _ in range(16):
        for name, text in {**FILES, "hub/model.safetensors": weights}.items():
            content = bytearray(text if isinstance(text, bytes) else text.encode())
            for _ in range(chance.choice([0, 0, 1, 3]) if name != "hub/model.safetensors" or chance.random() < 0.2 else 0):
                place = chance.randrange(len(content) + 1)
                content[place : place + chance.randrange(3)] = chance.choice(MARKS)
            project.write(name, bytes(content))
        try:
            found = project.look(model="hub", data="data.csv", contract="c.odcs.yaml")
        except StageError as error:
            messages.append(error.message)
            continue
        read += 1
        assert unclean(found) == []
        messages += [finding.message for finding in found.findings]
        json.dumps(
            [fact.value for item in (found.system, *found.models, *found.datasets) for fact in item.facts], ensure_ascii=False
        ).encode()
    assert all(message.isprintable() for message in messages)
    assert 2 < read < 14
