"""The locks that native steps install: what pyproject.toml asks for, in bounds, by hash, and from wherever the user's index is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlops_stage import host

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "core/mlops_stage/native/locks"
NAMES = sorted(path.stem for path in LOCKS.glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
MACHINES = [
    {
        "python_version": f"3.{minor}",
        "python_full_version": f"3.{minor}.0",
        "sys_platform": system,
        "platform_system": kernel,
        "os_name": "posix",
    }
    for minor in (11, 12, 13, 14)
    for system, kernel in (("linux", "Linux"), ("darwin", "Darwin"))
]


def pinned(name):
    """Package -> [(version, marker, number of hashes)] of one lock."""
    found = {}
    for entry in re.split(r"\n(?=\S)", (LOCKS / f"{name}.txt").read_text().replace("\\\n", " ").strip()):
        words, *hashes = entry.split("--hash=sha256:")
        requirement = Requirement(words.strip())
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", entry
        assert all(re.fullmatch("[0-9a-f]{64}", digest.strip()) for digest in hashes)
        found.setdefault(canonicalize_name(requirement.name), []).append((specifier.version, requirement.marker, len(hashes)))
    return found


def asked(extra):
    """What an extra needs, with the extras of our own that it names."""
    for text in EXTRAS[extra]:
        requirement = Requirement(text)
        if requirement.name == "mlops-stage":
            for further in requirement.extras:
                yield from asked(further)
        else:
            yield requirement


def wanted(name):
    yield from map(Requirement, PROJECT["project"]["dependencies"])
    yield from map(Requirement, PROJECT["build-system"]["requires"])
    for extra in sorted(set(NAMES) - {"all", "core"}) if name == "all" else [name] * (name != "core"):
        yield from asked(extra)


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_holds_what_its_extra_asks_for_in_its_bounds_on_every_machine(name):
    locked = pinned(name)
    for requirement in wanted(name):
        for machine in MACHINES:
            versions = [
                version for version, marker, _ in locked[canonicalize_name(requirement.name)] if marker is None or marker.evaluate(machine)
            ]
            assert len(versions) == 1, (requirement, machine)
            assert requirement.specifier.contains(versions[0]), (requirement, versions)


@pytest.mark.parametrize("name", NAMES)
def test_every_package_has_hashes_and_no_index_is_named(name):
    assert all(hashes for entries in pinned(name).values() for _, _, hashes in entries)
    text = (LOCKS / f"{name}.txt").read_text()
    assert "://" not in text
    assert "index" not in re.sub(r"^[\w.-]+==", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"all"}))
def test_all_locks_agree_on_versions(name):
    everything = pinned("all")
    for package, entries in pinned(name).items():
        assert {version for version, _, _ in entries} <= {version for version, _, _ in everything[package]}, package


def test_each_stage_has_a_lock_and_each_lock_a_stage():
    catalogue = host.discover({"MLOPS_STAGE_PLUGINS": "none"})
    extras = {stage.name for stage in catalogue.stages.values() if stage.extra}
    assert set(NAMES) == {"all", "core", *extras}
    for stage in catalogue.stages.values():
        needed = {canonicalize_name(item.name) for item in asked(stage.extra)}
        assert needed <= set(pinned(stage.name)), stage.name
