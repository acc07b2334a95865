"""Libraries by lock file: names, versions, digests, edges and what the project asks for itself."""

import json

import pytest

from mlops_stage.errors import InputError, UsageError

A, B = "a" * 64, "b" * 64
PYPROJECT = '[project]\nname = "credit"\nversion = "1.4.0"\ndependencies = ["Flask[async]>=3", "numpy"]\n'
UV = f"""
version = 1
[[package]]
name = "credit"
version = "1.4.0"
source = {{ editable = "." }}
dependencies = [{{ name = "flask" }}]
[[package]]
name = "flask"
version = "3.1.0"
source = {{ registry = "https://host.example/simple" }}
dependencies = [{{ name = "jinja2" }}, {{ name = "colorama", marker = "sys_platform == 'win32'" }}]
sdist = {{ url = "https://host.example/f.tar.gz", hash = "sha256:{A}" }}
wheels = [{{ url = "https://host.example/f.whl", hash = "sha256:{B}" }}]
[[package]]
name = "jinja2"
version = "3.1.6"
"""
PYLOCK = f"""
lock-version = "1.0"
created-by = "uv"
[[packages]]
name = "flask"
version = "3.1.0"
dependencies = [{{ name = "jinja2" }}]
sdist = {{ hashes = {{ sha256 = "{A}" }} }}
wheels = [{{ hashes = {{ sha256 = "{B}" }} }}]
[[packages]]
name = "jinja2"
version = "3.1.6"
"""
POETRY = f"""
[[package]]
name = "Flask"
version = "3.1.0"
files = [{{ file = "f.whl", hash = "sha256:{B}" }}, {{ file = "f.tar.gz", hash = "sha256:{A}" }}]
[package.dependencies]
Jinja2 = ">=3"
[[package]]
name = "jinja2"
version = "3.1.6"
files = []
[metadata]
lock-version = "2.1"
"""
PIPFILE = json.dumps(
    {
        "_meta": {},
        "default": {"flask": {"version": "==3.1.0", "hashes": [f"sha256:{A}", f"sha256:{B}"]}, "jinja2": {"version": "==3.1.6"}},
        "develop": {"pytest": {"version": "==9"}},
    }
)
REQUIREMENTS = f"""
# a comment
--index-url https://me:s3cret@host.example/simple
Flask[async]==3.1.0 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
jinja2==3.1.6  # needed
"""


@pytest.mark.parametrize(
    ("name", "content", "edges", "complete"),
    [
        ("uv.lock", UV, True, True),
        ("pylock.toml", PYLOCK, True, True),
        ("poetry.lock", POETRY, True, True),
        ("Pipfile.lock", PIPFILE, False, True),
        ("requirements.txt", REQUIREMENTS, False, False),
    ],
)
def test_a_lock_is_found_and_read(project, name, content, edges, complete):
    project.network()
    project.write(name, content)
    project.write("pyproject.toml", PYPROJECT)
    found = project.look(model="model.onnx")
    flask, jinja = found.libraries
    assert (found.libraries_from, found.libraries_complete) == (name, complete)
    assert [one.ref for one in found.libraries] == ["pkg:pypi/flask@3.1.0", "pkg:pypi/jinja2@3.1.6"]
    assert (flask.sha256s, flask.direct, jinja.direct) == ((A, B), True, False)
    assert flask.requires == (("pkg:pypi/jinja2@3.1.6",) if edges else ())
    assert "s3cret" not in repr(found)


def test_the_lock_that_was_named_comes_before_others(project):
    project.network()
    project.write("uv.lock", UV)
    project.write("deploy/requirements-prod.txt", "torch==2.9\nnumpy>=2\nscipy==1.*\n")
    found = project.look(model="model.onnx", lock="deploy/requirements-prod.txt")
    assert found.libraries_from == "deploy/requirements-prod.txt"
    assert [(one.name, one.version) for one in found.libraries] == [("numpy", ""), ("scipy", ""), ("torch", "2.9")]
    assert not found.libraries_complete


def test_a_requirements_file_with_digests_throughout_is_complete(project):
    project.network()
    project.write("requirements.txt", f"flask==3.1.0 --hash=sha256:{A}\n")
    assert project.look(model="model.onnx").libraries_complete


NAMELESS = [
    "-e .",
    "--editable=git+https://me:s3cret@host.example/x",
    "./wheel.whl",
    "git+https://me:s3cret@host.example/x.git@main",
    "https://host.example/x.whl",
    "file:///home/me/x",
    "-r gone.txt",
    "-r /etc/hostname",
    "-r ../outside.txt",
    "-r linked.txt",
    "-r https://host.example/requirements.txt",
    "-r " + "x" * 5000,
    "-r binary.txt",
    "--option-of-tomorrow x",
    "what is this",
]


@pytest.mark.parametrize("line", NAMELESS)
def test_a_line_that_asks_for_something_unknown_leaves_the_list_open(project, line):
    project.network()
    project.root.with_name("outside.txt").write_text("secret==1\n")
    (project.root / "linked.txt").symlink_to(project.root.with_name("outside.txt"))
    project.write("binary.txt", b"\0")
    project.write("requirements.txt", f"flask==3 --hash=sha256:{A}\n{line}\n")
    found = project.look(model="model.onnx")
    assert [one.name for one in found.libraries] == ["flask"]
    assert not found.libraries_complete
    assert [(one.rule, one.location) for one in found.findings] == [("sbom/unreadable", "requirements.txt:2")]
    assert "s3cret" not in repr(found)


def test_a_package_by_address_has_a_name_and_no_version(project):
    project.network()
    project.write("requirements.txt", "x @ https://me:s3cret@host.example/x.whl\n\n")
    found = project.look(model="model.onnx")
    assert [(one.name, one.version) for one in found.libraries] == [("x", "")]
    assert (found.libraries_complete, found.findings) == (False, ())
    assert "s3cret" not in repr(found)


def test_files_that_are_included_are_followed_once(project):
    project.network()
    project.write("requirements.txt", f"-c limits.txt\n--pre\n-r deep/base.txt\n--requirement=deep/base.txt\nflask==3 --hash=sha256:{A}\n")
    project.write("deep/base.txt", f"-r ../requirements.txt\n-rmore.txt\njinja2==1 --hash=sha256:{B}\n")
    project.write("deep/more.txt", f"numpy==2 --hash=sha256:{B}\n")
    found = project.look(model="model.onnx")
    assert [one.name for one in found.libraries] == ["flask", "jinja2", "numpy"]
    assert (found.libraries_complete, found.findings) == (True, ())
    project.write("deep/more.txt", "a b\n")
    found = project.look(model="model.onnx")
    assert [one.location for one in found.findings] == ["deep/more.txt:1"]
    assert not found.libraries_complete


def test_an_endless_chain_of_files_is_cut(project):
    project.network()
    for place in range(80):
        project.write(f"r{place}.txt", f"-r r{place + 1}.txt\np{place}==1 --hash=sha256:{A}\n")
    found = project.look(model="model.onnx", lock="r0.txt")
    assert len(found.libraries) == 50
    assert [one.location for one in found.findings] == ["r49.txt:1"]
    assert not found.libraries_complete


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "Pipfile.lock"])
def test_a_broken_lock_is_an_error_in_one_line(project, name):
    project.network()
    project.write(name, "[[[ {")
    with pytest.raises(InputError, match=r"lock: .* could not be read: not valid (TOML|JSON)") as error:
        project.look(model="model.onnx")
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    "content", ["package = 3", "[[package]]\nname = 7", '[[package]]\nname = "../../x"\nversion = "1"\n[[package]]', "x = 1"]
)
def test_a_lock_of_another_shape_names_nothing(project, content):
    project.network()
    project.write("uv.lock", content)
    found = project.look(model="model.onnx")
    assert (found.libraries, found.libraries_complete) == ((), False)
    why = "no name" if "[[package]]" in content else "it lists no packages"
    assert [why in one.message for one in found.findings] == [True]


def test_packages_without_a_name_are_told(project):
    project.network()
    project.write("uv.lock", "[[package]]\nname = 5\n\n[[package]]\nversion = '1'\n")
    assert any("2 packages in it have no name" in one.message for one in project.look(model="model.onnx").findings)


def test_a_line_of_blanks_is_read_in_one_pass(project):
    project.network()
    project.write("requirements.txt", "a" + " " * 100_000 + "%\nb [x]  == 1.0 ; python_version > '3'  # why\n")
    assert [(one.name, one.version) for one in project.look(model="model.onnx").libraries] == [("b", "1.0")]


def test_rubbish_that_was_named_as_the_lock_is_refused(project):
    project.network()
    project.write("bad.lock", "%% this is no lock\n{]\nnumpy==1.0\n")
    with pytest.raises(InputError, match="lock: bad.lock could not be read: it lists no packages as one of uv.lock"):
        project.look(model="model.onnx", lock="bad.lock")
    project.write("other/uv.lock", "x = 1")
    with pytest.raises(InputError, match="lock: other/uv.lock could not be read: it lists no packages"):
        project.look(model="model.onnx", lock="other/uv.lock")
    project.write("requirements.txt", "# nothing is needed\n")
    assert project.look(model="model.onnx", lock="requirements.txt").libraries == ()


def test_a_line_that_cannot_be_read_is_told_with_its_place(project):
    project.network()
    project.write("requirements.txt", f"flask==3 \\\n --hash=sha256:{A}\nnumpy===\njinja2==1 --hash=sha256:{B}\nmy s3cret token\n")
    found = project.look(model="model.onnx")
    assert [one.name for one in found.libraries] == ["flask", "jinja2"]
    assert [(one.rule, one.level, one.location) for one in found.findings] == [
        ("sbom/unreadable", "warning", "requirements.txt:3"),
        ("sbom/unreadable", "warning", "requirements.txt:5"),
    ]
    assert found.findings[0].message.startswith("line 3 of requirements.txt names no package that could be read")
    assert not found.libraries_complete
    assert "s3cret" not in repr(found)


def test_of_many_lines_that_cannot_be_read_the_first_are_told(project):
    project.network()
    project.write("requirements.txt", "a b\n" * 500)
    found = project.look(model="model.onnx").findings
    assert len(found) == 10
    assert "490 more lines" in found[-1].message


def test_a_lock_that_is_not_there_is_told(project):
    project.network()
    with pytest.raises(UsageError, match="lock: gone.lock does not exist"):
        project.look(model="model.onnx", lock="gone.lock")


def test_two_versions_of_a_package_stay_two(project):
    project.network()
    project.write(
        "uv.lock",
        '[[package]]\nname = "a"\nversion = "1"\ndependencies = [{ name = "b", version = "2" }]\n[[package]]\nname = "b"\nversion = "1"\n'
        '[[package]]\nname = "b"\nversion = "2"\n',
    )
    first, *_ = project.look(model="model.onnx").libraries
    assert first.requires == ("pkg:pypi/b@2",)


def test_a_file_that_is_no_text_is_refused(project):
    project.network()
    (project.root / "requirements.txt").write_bytes(b"PAR1\x00\x00numpy==1.0\n")
    with pytest.raises(InputError, match="it is no text"):
        project.look(model="model.onnx")


def test_the_libraries_of_the_models_own_folder_come_first(project):
    project.network("m/model.onnx")
    project.write("m/requirements.txt", "mine==1\n")
    project.write("requirements.txt", "other==1\n")
    assert project.look(model="m").libraries_from == "m/requirements.txt"
