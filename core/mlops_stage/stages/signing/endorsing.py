"""Signatures of a key of one's own, confirmed by others: a time stamp, an entry in a log."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

from mlops_stage.stages.signing import log, stamps
from mlops_stage.stages.signing.patience import Patience, in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def endorse(job: Mapping[str, Any], patience: Patience, emit: Callable[[Mapping[str, Any]], None]) -> None:
    """Have the signatures of a key stamped and logged, side by side."""

    def one(item: Mapping[str, str]) -> None:
        signature, statement = base64.b64decode(item["signature"]), base64.b64decode(item["statement"])
        made: dict[str, Any] = {"name": item["name"], "stamps": [], "entries": []}
        with patience.session() as session:
            if job["stamps"]:
                stamp = patience.ask("the time-stamp authority", lambda: stamps.stamp(signature, job["stamps"], session))
                made["stamps"].append(base64.b64encode(stamp).decode())
            if job["log"]:
                public = base64.b64decode(job["public"])
                ask = lambda: log.entry(statement, signature, public, job["log"], session)  # noqa: E731
                made["entries"].append(patience.ask("the transparency log", ask))
        emit(made)

    if job["stamps"]:  # before anything is logged
        with patience.session() as session:
            patience.ask("the time-stamp authority", lambda: stamps.stamp(os.urandom(32), job["stamps"], session))
    in_parallel(one, job["items"])
