"""Installed packages by their metadata, without an import."""

import pytest


def install(project, name, version, *more):
    folder = project.root / "venv" / "lib" / "python3.11" / "site-packages" / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *more, "", "A long text"]))
    (folder.parent / f"{name}.py").write_text("raise SystemExit('imported')")


@pytest.fixture
def active(project):
    project.env["VIRTUAL_ENV"] = str(project.root / "venv")
    project.network("m/model.onnx")
    return project


def test_what_is_installed_is_told_where_there_is_no_lock(active):
    install(
        active, "Big_Lib", "2.0", "License-Expression: MIT OR apache-2.0", "Requires-Dist: small>=1", 'Requires-Dist: tool; extra == "dev"'
    )
    install(active, "small", "1.5", "Classifier: License :: OSI Approved :: MIT License", "Requires-Dist: absent")
    install(active, "tool", "9", "License: BSD")
    found = active.look(model="m")
    assert (found.libraries_from, found.libraries_complete) == ("environment", False)
    assert [(one.ref, one.requires) for one in found.libraries] == [
        ("pkg:pypi/big-lib@2.0", ("pkg:pypi/small@1.5",)),
        ("pkg:pypi/small@1.5", ()),
        ("pkg:pypi/tool@9", ()),
    ]
    assert [[(one.kind, one.text) for one in library.licences] for library in found.libraries] == [
        [("expression", "MIT OR Apache-2.0")],
        [("id", "MIT")],
        [("name", "BSD")],
    ]
    assert str(active.root) not in repr(found)


def test_libraries_of_a_lock_take_the_licence_of_the_same_version_only(active):
    install(active, "a", "1.0", "License-Expression: MIT")
    install(active, "b", "2.0", "License-Expression: MIT")
    active.write("requirements.txt", "a==1.0\nb==1.0\n")
    found = active.look(model="m")
    assert [[one.text for one in library.licences] for library in found.libraries] == [["MIT"], []]


def test_the_text_of_a_whole_licence_is_no_name(active):
    install(
        active,
        "a",
        "1.0",
        "License: Copyright (c) me",
        "        Permission is hereby granted",
        "Classifier: License :: OSI Approved :: BSD License",
    )
    install(active, "b", "1.0", "License: BSD-3-Clause", "Classifier: License :: OSI Approved :: BSD License")
    found = active.look(model="m")
    assert [[one.text for one in library.licences] for library in found.libraries] == [["BSD License"], ["BSD-3-Clause"]]


def test_metadata_that_is_none_is_passed_over(active):
    install(active, "a", "1.0")
    folder = active.root / "venv" / "lib" / "python3.11" / "site-packages"
    (folder / "broken-1.dist-info").mkdir()
    (folder / "odd-1.dist-info").mkdir()
    (folder / "odd-1.dist-info" / "METADATA").write_bytes(b"Name: ../../x\nVersion: 1\n\n")
    (folder / "binary-1.dist-info").mkdir()
    (folder / "binary-1.dist-info" / "METADATA").write_bytes(b"Name: ok\nVersion: \x1b[31m1\n\n")
    assert [(one.name, one.version) for one in active.look(model="m").libraries] == [("a", "1.0"), ("ok", "[31m1")]
