"""What Tekton reads of a run: the results of a step, which must stay small together."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from mlops_stage.report import Outcome, Verdict, to_json
from mlops_stage.reporters.words import headline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.report import Report, Run

RESULTS = "MLOPS_STAGE_RESULTS"
"""Names the file of the result `outcome`; those of the others lie beside it."""
MOST_BYTES = 1023
"""For the names and values of all results as Tekton hands them on: a step has 4,096 bytes for them and what stands around them, or fails."""
_NOTE_LENGTH = 120
_VERDICTS = {
    Outcome.PASSED: "SUCCESS",
    Outcome.FAILED: "FAILURE",
    Outcome.INCONCLUSIVE: "WARNING",
    Outcome.NOT_APPLICABLE: "SKIPPED",
    Outcome.ERROR: "ERROR",
}


def detect(env: Mapping[str, str]) -> bool:
    """Whether a Task or StepAction of ours runs this process: it says where results go."""
    return bool(env.get(RESULTS))


def emit(run: Run, env: Mapping[str, str]) -> dict[str, str]:
    """Texts for the files of the results; what has no room is left out, which standard output (`-`) tells."""
    folder = PurePosixPath(env[RESULTS]).parent
    texts: dict[str, str] = {}
    left: list[str] = []
    room = MOST_BYTES
    for name, value in results(run, env).items():
        size = _size(name) + _size(value)
        if size > room:
            left.append(name)
            continue
        room -= size
        texts[str(folder / name)] = value
    if left:
        texts["-"] = f"no room for {len(left)} of Tekton's results ({', '.join(left)}): read them in outputs.env and report.json\n"
    return texts


def results(run: Run, env: Mapping[str, str]) -> dict[str, str]:
    """Every result by its name, the ones that must not be missing first; a stage's own stand beside them where only one ran."""
    found = {"outcome": str(headline(run.own, run.failures).outcome), "TEST_OUTPUT": _compact(_test_output(run))}
    if len(run.own) == 1:
        found = {**found, **{name: value for name, value in _of_report(run.own[0], env).items() if name not in found}}
    return found


def _of_report(report: Report, env: Mapping[str, str]) -> dict[str, str]:
    """The digest of the only report, what Tekton Chains binds to it, and the outputs of its stage."""
    digest = "sha256:" + hashlib.sha256(to_json(report).encode("utf-8", "backslashreplace")).hexdigest()
    place = PurePosixPath(env.get("MLOPS_INPUT_OUT") or "mlops-out") / report.id / "report.json"
    found = {"report-digest": digest}
    found["ARTIFACT_OUTPUTS"] = _compact({"uri": quote(str(place)), "digest": digest, "isBuildArtifact": "true"})
    if report.subjects:
        subject = report.subjects[0]
        found["ARTIFACT_INPUTS"] = _compact({"uri": quote(subject.name, safe="/:@?=&%"), "digest": f"sha256:{subject.sha256}"})
    return found | {name.replace("_", "-"): value for name, value in report.outputs.items() if name.replace("_", "-") not in found}


def _test_output(run: Run) -> dict[str, object]:
    """As Konflux's ADR 30 has it: one word, how many gates say what, when, and a note for people."""
    said = headline(run.own, run.failures)
    verdicts = [gate.verdict for report in run.own for gate in report.gates]
    return {
        "result": _VERDICTS[said.outcome],
        "timestamp": run.ended,
        "namespace": "mlops-stage",
        "successes": verdicts.count(Verdict.PASSED),
        "failures": verdicts.count(Verdict.FAILED),
        "warnings": verdicts.count(Verdict.INCONCLUSIVE),
        "note": said.title[:_NOTE_LENGTH],
    }


def _size(text: str) -> int:
    """At most so many bytes as a string in Go's JSON, which writes `<`, `>` and `&` in six letters too."""
    return len(json.dumps(text)) - 2 + 5 * sum(text.count(letter) for letter in "<>&")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
