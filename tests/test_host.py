import sys

import pytest

from mlops_stage import Stage, host
from mlops_stage.cli.group import Suite
from mlops_stage.errors import StageError, UsageError
from mlops_stage.native import inputs

GOOD = """
from mlops_stage import Stage, hookimpl

@hookimpl
def mlops_stages():
    return [Stage(name={name!r}, summary="s", params="{module}:Nothing", measure="{module}:nothing")]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with one module behind the entry point `mlops_stage`."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(distribution, module, code, point=None):
        monkeypatch.delitem(sys.modules, module, raising=False)  # an earlier test's module of that name
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[mlops_stage]\n{point or module} = {module}\n")

    return installed


def reasons(catalogue):
    return {(broken.name, broken.distribution): broken.reason for broken in catalogue.broken}


def test_an_installed_plugin_is_there_with_its_distribution(install):
    install("alpha-dist", "alpha_mod", GOOD.format(name="alpha", module="alpha_mod"))
    catalogue = host.discover({})
    assert catalogue.stages["alpha"].distribution == "alpha-dist"
    assert catalogue.plugins["alpha-dist"] == "1.0"
    assert catalogue.stage("alpha").name == "alpha"


def test_built_ins_come_through_the_same_hooks():
    catalogue = host.discover({"MLOPS_STAGE_PLUGINS": "none"})
    assert {"quality"} <= set(catalogue.stages)
    assert {"console", "html", "json", "junit", "markdown", "sarif"} <= set(catalogue.reporters)
    assert {stage.distribution for stage in catalogue.stages.values()} == {"mlops-stage"}
    assert list(catalogue.reporters) == sorted(catalogue.reporters)
    assert catalogue.broken == ()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("1/0", "ZeroDivisionError"),
        ("from mlops_stage import hookimpl\n@hookimpl\ndef mlops_stages():\n    raise RuntimeError('two\\nlines')", "RuntimeError: two"),
        ("from mlops_stage import hookimpl\n@hookimpl\ndef mlops_stagez():\n    return []", "mlops_stagez"),
        ("from mlops_stage import hookimpl\n@hookimpl\ndef mlops_stages():\n    return ['quality']", "str, which is no Stage"),
        ("from mlops_stage import hookimpl\n@hookimpl\ndef mlops_stages():\n    return 3", "TypeError"),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_a_broken_plugin_is_kept_with_its_reason_and_harms_nobody(install, code, reason):
    install("bad-dist", "bad_mod", code)
    install("good-dist", "good_mod", GOOD.format(name="good", module="good_mod"))
    catalogue = host.discover({})
    assert "good" in catalogue.stages
    assert reason in reasons(catalogue)["bad_mod", "bad-dist"]
    assert "\n" not in reasons(catalogue)["bad_mod", "bad-dist"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("name='Bad-Name', summary='', params='a:b', measure='a:b'", "not lower-case"),
        ("name='both', summary='', params='a:b', measure='a:b', act='a:b'", "exactly one of measure and act"),
        ("name='neither', summary='', params='a:b'", "exactly one of measure and act"),
        ("name='loose', summary='', params='a.b', measure='a:b'", "not of the form module:attribute"),
        *(
            (f"name={name!r}, summary='', params='a:b', measure='a:b'", f"the name {name!r} is taken")
            for name in ("run", "report", "merge", "stage", "comment", "full_pipeline", "all")
        ),
        *(
            (f"name='odd', summary='', params='a:b', measure='a:b', outputs={{{name!r}: 'told'}}", f"the output {name!r}")
            for name in ("outcome", "exit_code", "out", "outputs", "Bad-Name")
        ),
    ],
)
def test_a_faulty_record_is_broken(install, fields, reason):
    code = f"from mlops_stage import Stage, hookimpl\n@hookimpl\ndef mlops_stages():\n    return [Stage({fields})]"
    install("faulty-dist", "faulty_mod", code)
    assert any(reason in text for text in reasons(host.discover({})).values())


def test_two_plugins_of_one_name_are_an_error_that_names_both(install):
    install("one-dist", "one_mod", GOOD.format(name="twin", module="one_mod"))
    install("two-dist", "two_mod", GOOD.format(name="twin", module="two_mod"))
    catalogue = host.discover({})
    assert "twin" not in catalogue.stages
    with pytest.raises(StageError, match="one-dist and by two-dist") as caught:
        catalogue.stage("twin")
    assert caught.value.code == 3
    assert "twin" in host.discover({"MLOPS_STAGE_PLUGINS": "two_mod"}).stages


def test_a_plugin_cannot_take_the_name_of_a_built_in(install):
    install("thief-dist", "thief_mod", GOOD.format(name="quality", module="thief_mod"))
    with pytest.raises(StageError, match="mlops-stage and by thief-dist"):
        host.discover({}).stage("quality")
    assert host.discover({"MLOPS_STAGE_PLUGINS": "none"}).stage("quality").distribution == "mlops-stage"


def test_the_allow_list(install):
    install("one-dist", "one_mod", GOOD.format(name="one", module="one_mod"))
    install("two-dist", "two_mod", GOOD.format(name="two", module="two_mod"))
    assert {"one", "two"} <= set(host.discover({"MLOPS_STAGE_PLUGINS": ""}).stages)
    assert {"one", "two"} & set(host.discover({"MLOPS_STAGE_PLUGINS": "none"}).stages) == set()
    assert {"one", "two"} & set(host.discover({"MLOPS_STAGE_PLUGINS": "two_mod"}).stages) == {"two"}
    named = host.discover({"MLOPS_STAGE_PLUGINS": "twoo_mod"})
    assert "did you mean 'two_mod'?" in reasons(named)["twoo_mod", "(not installed)"]


def test_an_unknown_stage_gets_the_nearest_name():
    with pytest.raises(UsageError, match="unknown stage 'qualiti'") as caught:
        host.discover({"MLOPS_STAGE_PLUGINS": "none"}).stage("qualiti")
    assert caught.value.hint == "did you mean 'quality'?"


def test_a_reference_that_cannot_be_loaded_breaks_that_stage_alone(install):
    code = GOOD.format(name="hollow", module="not_a_module")
    install("hollow-dist", "hollow_mod", code)
    catalogue = host.discover({})
    with pytest.raises(StageError, match="stage 'hollow' of hollow-dist cannot load not_a_module:Nothing"):
        catalogue.params("hollow")
    assert catalogue.params("quality")


@pytest.mark.parametrize("name", ["out", *(item.name for item in inputs.BOOTSTRAP)])
def test_a_field_with_the_name_of_an_option_of_every_command_or_step_is_refused(install, name):
    code = GOOD.format(name="greedy", module="greedy_mod")
    install("greedy-dist", "greedy_mod", code + f"\nfrom mlops_stage import Params\nclass Nothing(Params):\n    {name}: str = ''\n")
    host.resolve.cache_clear()  # an earlier module of that name
    with pytest.raises(StageError, match=f"has a field '{name}'"):
        host.discover({}).params("greedy")


def test_the_names_of_our_own_commands_are_those_that_no_stage_may_have():
    assert set(Suite()._own) == host.COMMANDS


def test_every_reference_of_every_built_in_record_resolves():
    catalogue = host.discover({"MLOPS_STAGE_PLUGINS": "none"})
    for stage in catalogue.stages.values():
        for reference in (stage.params, stage.work, stage.criteria, stage.init, stage.plan):
            assert not reference or callable(host.resolve(reference, stage.name))
    for reporter in catalogue.reporters.values():
        assert callable(host.resolve(reporter.render, reporter.name))


@pytest.mark.parametrize(
    "changes",
    [{"params": None}, {"measure": print}, {"commands": ["say"]}, {"commands": {"say": 3}}, {"name": 7}, {"summary": None}, {"init": 3}],
    ids=str,
)
def test_a_record_with_a_field_of_another_kind_costs_itself_only(changes):
    record = Stage(**{"name": "odd", "summary": "s", "params": "a:b", "measure": "a:b", **changes})
    assert "references are text" in host._fault(record)
