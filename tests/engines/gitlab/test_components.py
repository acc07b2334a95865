"""The components on gitlab-ci-local: what a pipeline sees of a run."""

import pytest
from scenarios import HOSTILE, Call, Job

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def ran(gitlab, tmp_path_factory):
    """One pipeline with a job for each scenario, for starting the engine is most of the cost."""
    project = tmp_path_factory.mktemp("project")
    (project / "README.md").write_text("models\n")
    trial = lambda **inputs: Call(stage="trial", inputs=inputs)  # noqa: E731  (a short word in a table)
    jobs = [
        Job(name="pass", calls=(trial(),)),
        Job(name="failed", calls=(trial(gates="accuracy >= 0.99"),)),
        Job(name="inconclusive", calls=(trial(gates="accuracy[sex=female] >= 0.5"),)),
        Job(name="refused", calls=(trial(share="7"),)),
        Job(name="absent", calls=(trial(model="no.onnx"),)),
        Job(name="hostile", calls=tuple(trial(id=name, label=text) for name, text in HOSTILE.items())),
        Job(name="twice", calls=(trial(label="first", share="0.25"), trial())),
    ]
    return gitlab.run(project, jobs, tmp_path_factory.mktemp("keep"))


def test_a_run_that_passes(ran):
    one = ran["pass"][0]
    assert (one.state, one.exit_code) == ("passed", 0)
    assert one.outputs == {"trial_colour": "green", "trial_outcome": "passed"}
    assert one.report()["outcome"] == "passed"


@pytest.mark.parametrize(
    ("job", "state", "code"), [("failed", "failed", 1), ("inconclusive", "amber", 5), ("refused", "failed", 2), ("absent", "failed", 2)]
)
def test_what_does_not_pass(ran, job, state, code):
    assert (ran[job][0].state, ran[job][0].exit_code) == (state, code)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_arrive_letter_for_letter(ran, name):
    place = list(HOSTILE).index(name)
    one = ran["hostile"][place]
    assert one.state == "passed"
    assert one.report(name)["params"]["label"] == HOSTILE[name]


def test_two_calls_know_nothing_of_each_other(ran):
    first, second = ran["twice"]
    assert first.report()["params"]["label"] == "first"
    assert second.report()["params"]["label"] == "y_true"
    assert second.report()["params"]["share"] == 0.5
