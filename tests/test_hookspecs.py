import sys

from mlops_stage import hookspecs, host
from mlops_stage.hookspecs import Plugin, gather

SPECS = """
from mlops_stage.hookspecs import hookspec

@hookspec
def mlops_oven_pans():
    return ()
"""
STAGE = """
from mlops_stage import Stage, hookimpl

@hookimpl
def mlops_stages():
    return [Stage(name="oven", summary="s", params="a_oven:Nothing", measure="a_oven:nothing", hookspecs="a_specs")]
"""
PANS = """
from mlops_stage import hookimpl

@hookimpl
def mlops_oven_{hook}():
    return {records}
"""


def install(folder, monkeypatch, modules):
    monkeypatch.syspath_prepend(str(folder))
    for name, (code, offered) in modules.items():
        monkeypatch.delitem(sys.modules, name, raising=False)
        (folder / f"{name}.py").write_text(code)
        if offered:
            info = folder / f"{name}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[mlops_stage]\n{name} = {name}\n")


def test_a_plugin_may_answer_a_hook_that_another_plugins_stage_opens(tmp_path, monkeypatch):
    oven = {"a_specs": (SPECS, False), "a_oven": (STAGE, True), "b_pans": (PANS.format(hook="pans", records="['iron']"), True)}
    install(tmp_path, monkeypatch, oven)
    assert host.discover({}).broken == ()


def test_a_misspelt_hook_of_a_stage_is_told(tmp_path, monkeypatch):
    oven = {"a_specs": (SPECS, False), "a_oven": (STAGE, True), "b_pans": (PANS.format(hook="pens", records="[]"), True)}
    install(tmp_path, monkeypatch, oven)
    (broken,) = host.discover({}).broken
    assert broken.name == "b_pans"
    assert "mlops_oven_pens" in broken.reason


def test_what_plugins_offer_is_gathered_and_one_that_raises_costs_itself_only(tmp_path, monkeypatch):
    pans = {
        "a_specs": (SPECS, False),
        "c_pans": (PANS.format(hook="pans", records="['iron', 'steel']"), True),
        "d_pans": (PANS.format(hook="pans", records="1 / 0"), True),
        "e_pans": ("from mlops_stage import hookimpl\n\n@hookimpl\ndef mlops_stages():\n    return []\n", True),
    }
    install(tmp_path, monkeypatch, pans)
    import a_specs

    ours = Plugin(name="ours", distribution="mlops-stage", version="1", load=lambda: Pans)
    gathered = gather(a_specs, "mlops_oven_pans", (ours, *host.installed("", [])))
    assert [(offer.distribution, offer.record) for offer in gathered.offers] == [
        ("mlops-stage", "clay"),
        ("c_pans", "iron"),
        ("c_pans", "steel"),
    ]
    assert [(broken.name, broken.reason) for broken in gathered.broken] == [("d_pans", "ZeroDivisionError: division by zero")]


class Pans:
    @staticmethod
    @hookspecs.hookimpl
    def mlops_oven_pans():
        return ["clay"]
