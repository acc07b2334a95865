"""What a pickle would import, by walking its opcodes on a stack of outlines: nothing is imported, built or called.

The opcodes are those of Python's `pickletools` (protocols 0 to 5). The walk is at least as forgiving as the unpicklers, for whatever they
carry out before they meet a fault counts. joblib writes the bytes of arrays between opcodes; they are stepped over by dtype and shape as joblib
reads them, so that what follows an array is seen too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_stage.inputs.pickles.opcodes import OPCODES, BrokenError
from mlops_stage.inputs.pickles.source import ShortError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_stage.inputs.pickles.opcodes import Opcode
    from mlops_stage.inputs.pickles.source import Source

MOST_OPCODES = 20_000_000
"""A pickle with more is not examined to its end."""
MOST_HELD = 5_000_000
"""So many values may lie on the stack, or be remembered, at once."""
_FEW = 64
_DEEPEST = 50


class EndlessError(ValueError):
    """More opcodes or values than can be examined."""


class Name(NamedTuple):
    """What would be imported; parts that only a running program could tell are None."""

    module: str | None
    name: str | None

    @property
    def dotted(self) -> str:
        """`os.system`."""
        return f"{self.module or '?'}.{self.name or '?'}"


@dataclass
class Made:
    """What a call would make."""

    of: Name
    arguments: Any
    state: Any = None


@dataclass
class Walked:
    """What was found in one stream of pickles."""

    names: dict[Name, int] = field(default_factory=dict)
    """In the order of their first occurrence; how often."""
    calls: int = 0
    """How often something imported would be called or built."""
    pickles: int = 0
    """Complete ones."""
    opcodes: int = 0
    end: int = 0
    """Bytes up to the end of the last complete pickle."""
    fault: str = ""
    """Why the walk ended before a complete pickle did; empty where it did not."""
    endless: bool = False


_MARK, _OTHER = object(), object()


def walk(source: Source) -> Walked:
    """Walk pickle after pickle until the end, or until bytes that are none; never raises for what the bytes hold.

    Raises:
        BombError: the stream is larger than its budget.
    """
    found = Walked()
    while found.pickles == 0 or source.peek(1):
        before = dict(found.names), found.calls
        try:
            _Machine(source, found).run()
        except (BrokenError, ShortError) as error:
            behind = found.pickles > 0 and found.names == before[0]
            if not behind and _plausible(found, before[0]):
                found.fault = str(error)
            elif found.pickles:  # bytes behind the last pickle: the numbers of tensors, or nothing that an unpickler would read
                found.names, found.calls = before
            break
        except EndlessError as error:
            found.fault, found.endless = str(error), True
            break
        found.pickles += 1
        found.end = source.at
    return found


def _plausible(found: Walked, before: dict[Name, int]) -> bool:
    """Whether what was found since is more than chance among random bytes: an import that Python could carry out, or nothing before it."""
    fresh = [name for name in found.names if name not in before]
    return not found.pickles or any(_importable(name) for name in fresh)


def _importable(name: Name) -> bool:
    parts = [part for text in name for part in (text or "?").split(".")]
    return all(part.isidentifier() for part in parts)


class _Machine:
    """One pickle: a stack and a memo of outlines."""

    def __init__(self, source: Source, found: Walked, depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise EndlessError(f"pickles lie within pickles more than {_DEEPEST} deep")
        self.source = source
        self.found = found
        self.depth = depth
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> None:
        """Up to the opcode STOP.

        Raises:
            BrokenError, ShortError: what follows is no opcode, or is cut short.
            EndlessError: a limit was reached.
        """
        source, found = self.source, self.found
        while True:
            code = source.byte()
            if code is None:
                raise ShortError("it ends before its last opcode")
            found.opcodes += 1
            if found.opcodes > MOST_OPCODES or len(self.stack) > MOST_HELD or len(self.memo) > MOST_HELD:
                raise EndlessError(f"it has more than {MOST_OPCODES:,} opcodes, or holds more than {MOST_HELD:,} values at once")
            opcode = OPCODES.get(code)
            if opcode is None:
                raise BrokenError(f"byte {source.at:,} is no opcode")
            if opcode.name == "STOP":
                return
            argument = opcode.read(source)
            special = _SPECIAL.get(opcode.name)
            if special is not None:
                special(self, argument)
            else:
                self._plain(opcode, argument)

    def _plain(self, opcode: Opcode, argument: Any) -> None:
        """By what the opcode takes from the stack and leaves there."""
        if opcode.to_mark:
            self.to_mark()
        for _ in range(opcode.takes):
            self.pop()
        if opcode.leaves:
            self.stack.append(_OTHER if argument is None else argument)
            self.stack.extend([_OTHER] * (opcode.leaves - 1))

    def pop(self) -> Any:
        """The topmost value.

        Raises:
            BrokenError: there is none.
        """
        if not self.stack:
            raise BrokenError(f"byte {self.source.at:,} takes from an empty stack")
        return self.stack.pop()

    def to_mark(self) -> list[Any]:
        """The values above the last mark, without it.

        Raises:
            BrokenError: there is no mark.
        """
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                values = self.stack[place + 1 :]
                del self.stack[place:]
                return values
        raise BrokenError(f"byte {self.source.at:,} looks for a mark that is not there")

    def name(self, module: Any, name: Any) -> Name:
        """Note an import."""
        found = Name(module if isinstance(module, str) else None, name if isinstance(name, str) else None)
        self.found.names[found] = self.found.names.get(found, 0) + 1
        if len(self.found.names) > MOST_HELD:
            raise EndlessError(f"it names more than {MOST_HELD:,} imports")
        return found

    def call(self, of: Any, arguments: Any) -> None:
        """Note a call; what it makes is remembered only as far as arrays of joblib need it."""
        self.found.calls += 1
        if isinstance(of, Name):
            if of.name == "_reconstructor" and isinstance(arguments, tuple) and arguments and isinstance(arguments[0], Name):
                of = arguments[0]
            self.stack.append(Made(of, arguments))
        else:  # what is called was itself made by a call: no library pickles so, and no list of names sees it
            self.name(None, None)
            self.stack.append(_OTHER)

    def build(self) -> None:
        """Give an object its state; behind a wrapper of joblib's lie the bytes of its array."""
        state = self.pop()
        self.found.calls += 1
        made = self.stack[-1] if self.stack else None
        if isinstance(made, Made):
            made.state = state
            if made.of == _JOBLIB:
                self._array(state)

    def _array(self, state: Any) -> None:
        """Step over an array as joblib's NumpyArrayWrapper.read_array reads it: padding, then the items; or a pickle of objects."""
        told = state if isinstance(state, dict) else {}
        shape, dtype = told.get("shape"), told.get("dtype")
        if not isinstance(shape, tuple) or not all(isinstance(size, int) and size >= 0 for size in shape) or not isinstance(dtype, Made):
            raise BrokenError(f"byte {self.source.at:,} begins an array of unknown size")
        width = _width(dtype)
        if width is None:
            _Machine(self.source, self.found, self.depth + 1).run()
            return
        if isinstance(told.get("numpy_array_alignment_bytes"), int):
            self.source.skip(self.source.read(1)[0])
        items = 1
        for size in shape:
            items *= size
        self.source.skip(items * width)


_JOBLIB = Name("joblib.numpy_pickle", "NumpyArrayWrapper")


def _width(dtype: Made) -> int | None:
    """Bytes of one item of a numpy dtype, from the text that it is made of (`f8`, `U5`, `V64`); None for objects.

    Raises:
        BrokenError: it says nothing of the kind.
    """
    arguments = dtype.arguments if isinstance(dtype.arguments, tuple) else ()
    text = arguments[0] if arguments and isinstance(arguments[0], str) else ""
    found = re.fullmatch(r"[<>|=]?([a-zA-Z?])(\d{0,9})", text)
    if not found:
        raise BrokenError("an array's dtype is not told")
    if found[1] == "O":
        return None
    return int(found[2] or 1) * (4 if found[1] == "U" else 1)


def _pair(machine: _Machine, argument: Any) -> None:
    machine.stack.append(machine.name(*(argument or (None, None))))


def _stack_global(machine: _Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    machine.stack.append(machine.name(module, name))


def _inst(machine: _Machine, argument: Any) -> None:
    values = machine.to_mark()
    machine.call(machine.name(*(argument or (None, None))), tuple(values[:_FEW]))


def _obj(machine: _Machine, _: Any) -> None:
    values = machine.to_mark()
    machine.call(values[0] if values else None, tuple(values[1:_FEW]))


def _reduce(machine: _Machine, _: Any) -> None:
    arguments, of = machine.pop(), machine.pop()
    machine.call(of, arguments)


def _newobj_ex(machine: _Machine, _: Any) -> None:
    machine.pop()
    _reduce(machine, None)


def _extension(machine: _Machine, _: Any) -> None:
    machine.stack.append(machine.name(None, None))  # the registry of copyreg decides, when it is loaded


def _mark(machine: _Machine, _: Any) -> None:
    machine.stack.append(_MARK)


def _duplicate(machine: _Machine, _: Any) -> None:
    value = machine.pop()
    machine.stack += [value, value]


def _put(machine: _Machine, argument: Any) -> None:
    if not machine.stack:
        raise BrokenError(f"byte {machine.source.at:,} remembers what is not there")
    machine.memo[argument if isinstance(argument, int) else -1] = machine.stack[-1]


def _get(machine: _Machine, argument: Any) -> None:
    if argument not in machine.memo:
        raise BrokenError(f"byte {machine.source.at:,} recalls what was never remembered")
    machine.stack.append(machine.memo[argument])


def _tuple(machine: _Machine, size: int | None) -> None:
    values = machine.to_mark() if size is None else [machine.pop() for _ in range(size)][::-1]
    machine.stack.append(tuple(values) if len(values) <= _FEW else _OTHER)


def _items(machine: _Machine, pairs: list[Any]) -> None:
    """Set items of the dict on top; only small ones are outlined."""
    holder = machine.stack[-1] if machine.stack else None
    if isinstance(holder, dict) and len(holder) + len(pairs) <= _FEW:
        holder.update({key: value for key, value in zip(pairs[::2], pairs[1::2], strict=False) if isinstance(key, str)})


def _set_item(machine: _Machine, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    _items(machine, [key, value])


def _pop(machine: _Machine, _: Any) -> None:
    machine.pop()


_SPECIAL: dict[str, Callable[[_Machine, Any], None]] = {
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
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "SETITEM": _set_item,
    "SETITEMS": lambda machine, _: _items(machine, machine.to_mark()),
}
