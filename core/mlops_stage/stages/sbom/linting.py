"""`mlops-stage sbom lint`: every fault of a document, whoever wrote it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mlops_stage.errors import ExitCode
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Level
from mlops_stage.stage import Reply
from mlops_stage.stages.sbom.document import components, read
from mlops_stage.stages.sbom.lint import lint
from mlops_stage.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.report import Finding
    from mlops_stage.stages.sbom.commands import LintParams
    from mlops_stage.workspace import Workspace


def run(params: LintParams, workspace: Workspace) -> Reply:
    """Check one document; exit code 1 where it has faults.

    Raises:
        UsageError: there is no such file.
        InputError: it is no CycloneDX in JSON.
    """
    document = read(params.source, workspace.root, "source")
    found = sorted(lint(document, params.spec or ""), key=lambda finding: -finding.level.gravity)
    name = shown(params.source)
    if not found:
        what = f"CycloneDX {shown(document.get('specVersion'))}, {counted(sum(1 for _ in components(document)), 'component')}"
        return Reply(text=f"{name}: nothing is wrong with it ({what})\n")
    bad = any(finding.level.gravity >= Level(params.fail_on).gravity for finding in found)
    return Reply(text="".join([*map(_line, found), f"{name}: {_summary(found)}\n"]), code=int(ExitCode.FAILED if bad else ExitCode.PASSED))


def _line(finding: Finding) -> str:
    hint = f"  {finding.hint}\n" if finding.hint else ""
    return f"{finding.level}: {finding.message}  [{finding.rule}]\n{hint}"


def _summary(found: Sequence[Finding]) -> str:
    counts = Counter(finding.level for finding in found)
    return listed(counted(counts[level], str(level)) for level in (Level.ERROR, Level.WARNING, Level.NOTE) if counts[level])
