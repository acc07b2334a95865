"""What a pickle would import, by walking its opcodes on a stack of outlines: nothing is imported, built or called.

The opcodes are those of Python's `pickletools` (protocols 0 to 5). The walk is at least as forgiving as the unpicklers, for whatever they
carry out before they meet a fault counts. joblib writes the bytes of arrays between opcodes: such files are read both as joblib reads them, which
steps over those bytes, and as pickle does, which takes them for opcodes. What two readers could read differently is doubted, and said so.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.pickles.machine import EndlessError, Machine, Walked
from mlops_stage.inputs.pickles.opcodes import BrokenError
from mlops_stage.inputs.pickles.outlines import WRAPPER
from mlops_stage.inputs.pickles.source import ShortError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_stage.inputs.pickles.outlines import Name
    from mlops_stage.inputs.pickles.source import Source


def walk(source: Source, *, joblib: bool = False) -> Walked:
    """Walk pickle after pickle until the end, or until bytes that are none; never raises for what the bytes hold.

    Args:
        source: the bytes.
        joblib: whether to step over the bytes of arrays, as joblib.load does.

    Raises:
        BombError: the stream is larger than its budget.
    """
    found = Walked()
    older: dict[int, Any] = {}
    while found.pickles == 0 or source.peek(1):
        before, calls, doubt = len(found.names), found.calls, found.doubt
        machine = Machine(source, found, older, joblib=joblib)
        try:
            machine.run()
        except (BrokenError, ShortError) as error:
            fresh = list(islice(found.names, before, None))
            if not found.pickles or any(map(importable, fresh)):
                found.fault = str(error)
            else:  # bytes behind the last pickle: the numbers of tensors, or nothing that an unpickler would read
                found.calls, found.doubt = calls, doubt
                for name in fresh:
                    del found.names[name]
            break
        except EndlessError as error:
            found.fault, found.endless = str(error), True
            break
        found.pickles += 1
        found.end = source.at
        older.update(machine.memo)
    return found


def both(once: Callable[[bool], Walked]) -> Walked:
    """What pickle and joblib would import, where they read the same bytes differently.

    Args:
        once: walks the bytes from their beginning, as pickle (False) or as joblib (True) reads them.
    """
    plain = once(False)  # noqa: FBT003  (how the parameter is called is up to the caller)
    if WRAPPER not in plain.names:
        return plain
    found = once(True)  # noqa: FBT003
    more = [name for name in plain.names if plain.pickles or importable(name)]  # bytes of arrays make no imports but by chance
    names = found.names | dict.fromkeys(more)
    doubt = found.doubt or (plain.doubt if plain.pickles else "")
    return replace(found, names=names, calls=max(found.calls, plain.calls), endless=found.endless or plain.endless, doubt=doubt)


def importable(name: Name) -> bool:
    """Whether Python could import it: names that come from chance among bytes are none."""
    parts = [part for text in name for part in (text or "?").split(".")]
    return all(part.isidentifier() for part in parts)
