"""What those opcodes do whose effect is more than to take some values and leave others: imports, calls, memo, tuples, dicts, frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.pickles.names import Verdict, verdict
from mlops_stage.inputs.pickles.opcodes import BrokenError
from mlops_stage.inputs.pickles.outlines import FEW, MARK, OTHER, PLAIN, THINGS, WRAPPER, Made, Name, Outlined

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_stage.inputs.pickles.machine import Machine

_KEY = 19


def _pair(machine: Machine, argument: Any) -> None:
    machine.stack.append(machine.name(*(argument or (None, None))))


def _is_no_text(value: Any) -> bool:
    """Whether an unpickler stops here: what is imported from elsewhere, and what a call makes, may be a text; plain types are none."""
    if isinstance(value, Made):
        return value.of in THINGS
    return isinstance(value, PLAIN) and (not isinstance(value, Name) or (None not in value and verdict(value) is Verdict.INERT))


def _stack_global(machine: Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    if any(_is_no_text(part) for part in (name, module)):
        raise BrokenError(f"byte {machine.source.at:,} imports what is no text")
    machine.stack.append(machine.name(module, name))


def _inst(machine: Machine, argument: Any) -> None:
    of = machine.name(*(argument or (None, None)))  # looked up before the mark is
    machine.call(of, tuple(machine.to_mark()[:FEW]))


def _obj(machine: Machine, _: Any) -> None:
    values = machine.to_mark()
    machine.call(values[0] if values else None, tuple(values[1:FEW]))


def _reduce(machine: Machine, _: Any) -> None:
    arguments, of = machine.pop(), machine.taken()
    machine.call(of, arguments)


def _newobj_ex(machine: Machine, _: Any) -> None:
    machine.pop()
    arguments, of = machine.pop(), machine.pop()
    machine.call(of, arguments)


def _extension(machine: Machine, _: Any) -> None:
    machine.stack.append(machine.name(None, None))  # the registry of copyreg decides, when it is loaded


def _mark(machine: Machine, _: Any) -> None:
    machine.stack.append(MARK)


def _duplicate(machine: Machine, _: Any) -> None:
    value = machine.pop()
    machine.stack += [value, value]


def _key(machine: Machine, argument: Any) -> int:
    """The key of a memo, as the unpicklers take it: whatever `int` takes, and up to a null byte."""
    if isinstance(argument, int):
        return argument
    if not (argument.isdigit() and len(argument) < _KEY and (argument == b"0" or not argument.startswith(b"0"))):
        machine.doubt("a number is spelled as no pickler does")
    try:
        return int(argument.split(b"\0")[0])
    except ValueError as error:
        raise BrokenError(f"byte {machine.source.at:,} remembers under no number") from error


def _put(machine: Machine, argument: Any) -> None:
    key = _key(machine, argument)
    if not machine.stack:
        raise BrokenError(f"byte {machine.source.at:,} remembers what is not there")
    machine.memo[key] = machine.stack[-1]


def _get(machine: Machine, argument: Any) -> None:
    key = _key(machine, argument)
    older = key in machine.older and WRAPPER not in machine.found.names  # joblib reads one pickle; pickle is lost behind its arrays
    if key not in machine.memo and older:
        machine.doubt("it recalls what the pickle before it remembered")
    elif key not in machine.memo:
        raise BrokenError(f"byte {machine.source.at:,} recalls what was never remembered")
    value = machine.memo[key] if key in machine.memo else machine.older[key]
    if machine.careful and isinstance(value, Made):
        machine.check(value)
    machine.stack.append(value)


def _frame(machine: Machine, size: int) -> None:
    if machine.source.at < machine.frame_end:
        machine.doubt("a frame begins before another ends")
    machine.frame_end = machine.source.at + size


def _tuple(machine: Machine, size: int | None) -> None:
    values = machine.to_mark() if size is None else [machine.pop() for _ in range(size)][::-1]
    machine.stack.append(tuple(values) if len(values) <= FEW else OTHER)


def _items(machine: Machine, pairs: list[Any]) -> None:
    """Set items of the dict on top; only small ones are outlined."""
    holder = machine.stack[-1] if machine.stack else None
    if not isinstance(holder, Outlined) or holder.over:
        return
    for key, value in zip(pairs[::2], pairs[1::2], strict=False):
        if type(key) is not str or (len(holder) >= FEW and key not in holder):
            holder.over = True
            return
        holder[key] = value


def _set_item(machine: Machine, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    _items(machine, [key, value])


def _pop(machine: Machine, _: Any) -> None:
    machine.pop()


ACTS: dict[str, Callable[[Machine, Any], None]] = {
    "GLOBAL": _pair,
    "STACK_GLOBAL": _stack_global,
    "INST": _inst,
    "OBJ": _obj,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _newobj_ex,
    "BUILD": lambda machine, _: machine.build(),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _extension),
    "MARK": _mark,
    "POP": _pop,
    "DUP": _duplicate,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    "MEMOIZE": lambda machine, _: _put(machine, len(machine.memo)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
    "EMPTY_TUPLE": lambda machine, _: _tuple(machine, 0),
    "TUPLE": lambda machine, _: _tuple(machine, None),
    "TUPLE1": lambda machine, _: _tuple(machine, 1),
    "TUPLE2": lambda machine, _: _tuple(machine, 2),
    "TUPLE3": lambda machine, _: _tuple(machine, 3),
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "FRAME": _frame,
    "EMPTY_DICT": lambda machine, _: machine.stack.append(Outlined()),
    "SETITEM": _set_item,
    "SETITEMS": lambda machine, _: _items(machine, machine.to_mark()),
}
