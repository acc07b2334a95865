import pytest
from packaging.specifiers import SpecifierSet

from mlops_stage.errors import InputError, UsageError
from mlops_stage.stages.compile import targets
from mlops_stage.stages.compile.targets import Target, builtin, foreign, load_targets, surpassed
from mlops_stage.stages.compile.targets.releases import other_release

EDGE = """\
target: edge-arm64
backend: ort
runtime: {version: ">=1.26,<1.32", max_opset: 23, max_ir: 10}
device: {arch: ARM64, features: [neon]}
budget: {artifact: 4MB, ram: 64MB, latency_ratio: 1.2}
precisions: [fp32, int8]
required: true
"""


def test_those_that_come_with_the_stage_can_all_be_read(tmp_path):
    assert builtin() == ("aarch64", "host", "openvino-cpu", "x86-64-v2", "x86-64-v3")
    found = load_targets(builtin(), tmp_path)
    assert tuple(target.name for target in found) == builtin()
    assert {target.latency_ratio for target in found} == {1.05}


def test_a_file_says_all_that_a_target_has(tmp_path):
    (tmp_path / "edge.yaml").write_text(EDGE)
    (found,) = load_targets(["edge.yaml", "edge.yaml"], tmp_path)
    assert (found.name, found.version, found.max_opset, found.max_ir) == ("edge-arm64", "<1.32,>=1.26", 23, 10)
    assert (found.arch, found.features, found.artifact_bytes, found.ram_bytes) == ("aarch64", ("neon",), 4_000_000, 64_000_000)
    assert (found.latency_ratio, found.precisions, found.required, found.native) == (1.2, ("fp32", "int8"), True, False)
    assert found.source == "edge.yaml"


MISTAKES = {
    "target: a\nbackend: ort\nruntime:\n  max_opsett: 3\n": (4, "unknown key 'max_opsett' in runtime"),
    "target: a\nbackend: ort\ncolour: red\n": (3, "unknown key 'colour'"),
    "backend: ort\n": (1, "target is missing"),
    "target: a\nbackend: ort\nprecisions:\n - fp33\n": (3, "precisions"),
    "target: A b\nbackend: ort\n": (1, "target: a name has only lower-case letters"),
    "target: a\nbackend: ort\ndevice: {arch: z80}\n": (3, "no architecture 'z80'"),
    "target: a\nbackend: ort\ndevice:\n  arch: x86_64\n  features: [avx2, warpdrive]\n": (
        5,
        "no x86_64 processor is known to have 'warpdrive'",
    ),
    "target: a\nbackend: ort\ndevice: {arch: aarch64, features: [avx2]}\n": (3, "no aarch64 processor is known to have 'avx2'"),
    "target: a\nbackend: ort\ndevice: {features: [warpdrive]}\n": (3, "no processor is known to have 'warpdrive'"),
    "target: a\nbackend: ort\nbudget: {artifact: -1MB}\n": (3, "budget.artifact: must be more than nothing"),
    "target: a\nbackend: ort\nbudget: {ram: 0 MB}\n": (3, "budget.ram: must be more than nothing"),
    "target: a\nbackend: ort\nruntime: {version: abc}\n": (3, "write versions as pip does"),
    "target: a\nbackend: ort\nruntime:\n  version: ===latest\n": (4, "'latest' is no version number"),
    "target: a\nbackend: ort\nruntime: {version: '==1.20,==1.21'}\n": (3, "no version can be all of that"),
    "target: a\nbackend: ort\nruntime: {version: '>=1.30,<1.20'}\n": (3, "no version can be all of that"),
    "target: a\nbackend: ort\nruntime: {version: '>=1,!=1.*,<2'}\n": (3, "no version can be all of that"),
    "backend: ort\ntarget: private\n": (2, "target: no target can be called 'private'"),
    "target: provenance\nbackend: ort\n": (1, "no target can be called 'provenance'"),
    "target: provenance.json\nbackend: ort\n": (1, "no target can be called 'provenance.json'"),
    "target: a.json\nbackend: ort\n": (1, "no target can be called 'a.json'"),
    "target: Edge\nbackend: ort\n": (1, "target: a name has only lower-case letters"),
    "target: \uff45dge\nbackend: ort\n": (1, "target: a name has only lower-case letters"),
    'target: "a\\n"\nbackend: ort\n': (1, "target: a name has only lower-case letters"),
    "target: a\nbackend: ort\nbudget:\n  ram: 4XB\n": (4, "write a size"),
    "target: a\nbackned: ort\n": (2, "unknown key 'backned'"),
    "target: a\nbackend: ort\nruntime: 3\n": (3, "is no mapping"),
    "target: a\nbackend: [\n": (3, "not valid YAML"),
    "target: a\nbackend: " + 30_000 * "[": (2, "nested too deeply"),
    "target: a\ntarget: b\n": (2, "not valid YAML"),
    "- a\n": (None, "holds no mapping"),
    "target: &x a\nbackend: *x\n": (None, "anchor"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_are_told_with_their_line(tmp_path, text):
    line, message = MISTAKES[text]
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        load_targets(["t.yaml"], tmp_path)
    assert caught.value.message.startswith(f"t.yaml:{line}: " if line else "t.yaml: ")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("device: {arch: aarch46}", "did you mean 'aarch64'?"),
        ("device: {arch: x86_64, features: [avx512_vnnii]}", "did you mean 'avx512_vnni'?"),
        ("budget: {latency_ratio: -1}", "docs/how-to/add-a-target.md"),
    ],
)
def test_a_mistake_comes_with_what_may_have_been_meant(tmp_path, text, hint):
    (tmp_path / "t.yaml").write_text(f"target: a\nbackend: ort\n{text}\n")
    with pytest.raises(UsageError) as caught:
        load_targets(["t.yaml"], tmp_path)
    assert hint in caught.value.hint


def test_what_is_not_there_or_there_twice(tmp_path):
    with pytest.raises(UsageError, match="no target 'hots'") as caught:
        load_targets(["hots"], tmp_path)
    assert "did you mean 'host'?" in caught.value.hint
    with pytest.raises(UsageError, match="does not exist"):
        load_targets(["other.yaml"], tmp_path)
    (tmp_path / "mine.yaml").write_text("backend: ort\ntarget: host\n")
    with pytest.raises(UsageError, match="^mine.yaml:2: target: two targets are called 'host'$"):
        load_targets(["host", "mine.yaml"], tmp_path)
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        load_targets(["b.yaml"], tmp_path)


@pytest.mark.parametrize(
    "version",
    ["===1.26.0", ">1.20,<1.21", "==1.20.*,!=1.20", "~=1.20,!=1.21.*", ">=1.20,!=1.20.*,<2", "<1.20", "!=1.2", ">=1.20rc1", "==1!2", ""],
)
def test_versions_that_some_release_has(tmp_path, version):
    (tmp_path / "t.yaml").write_text(f"target: a\nbackend: ort\nruntime: {{version: '{version}'}}\n")
    (found,) = load_targets(["t.yaml"], tmp_path)
    assert SpecifierSet(found.version) == SpecifierSet(version)


@pytest.mark.parametrize(
    ("version", "versions", "told"),
    [
        (">=1.20,<1.25", {"lib": "1.24.4", "onnx": "0"}, ""),
        (">=1.20,<1.25", {"lib": "1.24.0.dev0"}, ""),
        (">=1.20,<1.25", {"lib": "1.31.1", "onnx": "1.21"}, "it is for lib <1.25,>=1.20, and lib 1.31.1 is installed here"),
        (
            "==2026.4.*",
            {"lib": "2026.4.1-22982-e213"},
            "it is for lib ==2026.4.*, and lib 2026.4.1-22982-e213 is installed here, which is no version",
        ),
        (">=1", {}, "it is for mine >=1, and the backend does not say which release is installed here"),
        ("", {"lib": "as it comes"}, ""),
    ],
)
def test_a_target_of_another_release_than_the_one_installed(version, versions, told):
    found = other_release(Target(name="t", backend="mine", version=str(SpecifierSet(version))), versions)
    assert found.startswith(told)
    assert bool(found) == bool(told)


def test_what_this_machine_cannot_run(tmp_path, monkeypatch):
    arm, host, old, new = load_targets(["aarch64", "host", "x86-64-v2", "x86-64-v3"], tmp_path)
    monkeypatch.setattr(targets.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(targets, "processor_features", lambda: frozenset(["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"]))
    assert [bool(foreign(target)) for target in (arm, host, old, new)] == [True, False, False, True]
    assert foreign(arm) == "it is for aarch64, and this machine is x86_64"
    assert "avx2" in foreign(new)
    assert [surpassed(target) for target in (arm, host, old, new)] == ["", "", "", ""]
    both = frozenset(["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3", *new.features, "abm"])
    monkeypatch.setattr(targets, "processor_features", lambda: both)
    assert [bool(surpassed(target)) for target in (arm, host, old, new)] == [False, False, True, False]
    assert "has avx2, f16c, fma" in surpassed(old)
    monkeypatch.setattr(targets, "processor_features", lambda: both | {"avx512f"})
    assert "has avx512f" in surpassed(new)
    monkeypatch.setattr(targets, "processor_features", lambda: frozenset(["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"]))
    monkeypatch.setattr(targets, "processor_features", frozenset)
    assert "cannot be read" in foreign(old)
    monkeypatch.setattr(targets.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(targets, "processor_features", lambda: frozenset({"asimd"}))
    assert not foreign(arm)
