"""What a pickle would import, by walking its opcodes on a stack of outlines: nothing is imported, built or called.

The opcodes are those of Python's `pickletools` (protocols 0 to 5). The walk is at least as forgiving as the unpicklers, for whatever they
carry out before they meet a fault counts. joblib writes the bytes of arrays between opcodes: such files are read both as joblib reads them, which
steps over those bytes, and as pickle does, which takes them for opcodes. What two readers could read differently is doubted, and said so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.pickles.arrays import WRAPPER, DoubtError, Made, Name, Outlined, layout
from mlops_stage.inputs.pickles.names import Verdict, verdict
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
MOST_NAMES = 5000
"""So many different imports are noted; no model has a tenth of them."""
_FEW = 64
_KEY = 19


class EndlessError(ValueError):
    """More opcodes or values than can be examined."""


@dataclass
class Walked:
    """What was found in one stream of pickles."""

    names: dict[Name, None] = field(default_factory=dict)
    """In the order of their first occurrence."""
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
    doubt: str = ""
    """Why another reader could read it differently; empty where none could."""


_PLAIN = (int, bytes, tuple, dict, type(None))
_RECONSTRUCT = (Name(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core"))
_THINGS = {WRAPPER, Name("numpy", "dtype"), *_RECONSTRUCT}
"""What these make is no text and cannot be called."""
_MARK, _OTHER = object(), object()


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
        machine = _Machine(source, found, older, joblib=joblib)
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


class _Machine:
    """One pickle: a stack and a memo of outlines."""

    def __init__(self, source: Source, found: Walked, older: dict[int, Any], *, joblib: bool = False) -> None:
        self.source = source
        self.found = found
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.older = older
        self.joblib = joblib
        self.careful = False
        self.frame_end = 0

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
            if found.opcodes > MOST_OPCODES or len(self.stack) > MOST_HELD or len(self.memo) + len(self.older) > MOST_HELD:
                raise EndlessError(f"it has more than {MOST_OPCODES:,} opcodes, or holds more than {MOST_HELD:,} values at once")
            opcode = OPCODES.get(code)
            if opcode is None:
                raise BrokenError(f"byte {source.at:,} is no opcode")
            if opcode.name == "STOP":
                if source.at < self.frame_end:
                    self.doubt("it stops before its frame ends")
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
        value = self.taken()
        if self.careful:
            self.check(value)
        return value

    def taken(self) -> Any:
        """The topmost value, of whatever kind.

        Raises:
            BrokenError: there is none.
        """
        if not self.stack:
            raise BrokenError(f"byte {self.source.at:,} takes from an empty stack")
        return self.stack.pop()

    def doubt(self, why: str) -> None:
        """Note that readers could differ from here on."""
        self.found.doubt = self.found.doubt or f"byte {self.source.at:,}: {why}"

    def check(self, value: Any) -> None:
        """An array is read by joblib when a wrapper is given its state, so no wrapper, and not its class, may go astray.

        Raises:
            BrokenError: it is used otherwise than joblib does.
        """
        if (isinstance(value, Name) and value == WRAPPER) or (isinstance(value, Made) and value.of == WRAPPER):
            self.doubt("an array is not described as joblib does")
            raise BrokenError(f"byte {self.source.at:,} misuses a wrapper of joblib's")

    def to_mark(self) -> list[Any]:
        """The values above the last mark, without it.

        Raises:
            BrokenError: there is no mark.
        """
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                values = self.stack[place + 1 :]
                del self.stack[place:]
                if self.careful:
                    for value in values:
                        self.check(value)
                return values
        raise BrokenError(f"byte {self.source.at:,} looks for a mark that is not there")

    def name(self, module: Any, name: Any) -> Name:
        """Note an import."""
        found = Name(module if isinstance(module, str) else None, name if isinstance(name, str) else None)
        self.found.names[found] = None
        self.careful = self.careful or (self.joblib and found == WRAPPER)
        if len(self.found.names) > MOST_NAMES:
            raise EndlessError(f"it names more than {MOST_NAMES:,} imports")
        return found

    def call(self, of: Any, arguments: Any) -> None:
        """Note a call; what it makes is remembered only as far as arrays of joblib need it."""
        self.found.calls += 1
        if self.careful and of == WRAPPER and arguments != ():
            self.check(of)
        if isinstance(of, Name):
            if of.name == "_reconstructor" and isinstance(arguments, tuple) and arguments and isinstance(arguments[0], Name):
                of = arguments[0]
            self.stack.append(Made(of, arguments))
        elif isinstance(of, (str, *_PLAIN)) or (isinstance(of, Made) and of.of in _THINGS):
            raise BrokenError(f"byte {self.source.at:,} calls what cannot be called")
        else:  # what is called was itself made by a call: no library pickles so, and no list of names sees it
            self.name(None, None)
            self.stack.append(_OTHER)

    def build(self) -> None:
        """Give an object its state; behind a wrapper of joblib's lie the bytes of its array."""
        state = self.pop()
        self.found.calls += 1
        made = self.stack[-1] if self.stack else None
        if isinstance(made, Name):  # a state for something imported would change it for the whole program
            self.name(None, None)
        elif isinstance(made, Made):
            made.state, made.built = state, made.built + 1
            if self.careful and made.of == WRAPPER:
                self._array(state)
                self.stack[-1] = _OTHER

    def _array(self, state: Any) -> None:
        """Step over an array: padding, then the items; or walk a pickle of objects."""
        try:
            told = layout(state)
        except DoubtError as error:
            self.doubt(str(error))
            raise BrokenError(f"byte {self.source.at:,} begins an array of unknown size") from error
        if self.source.at < self.frame_end:
            self.doubt("an array begins before its frame ends")
        if told.size is None:
            _Machine(self.source, self.found, {}).run()  # as pickle.load, which knows of no arrays
            return
        if told.padded:
            self.source.skip(self.source.read(1)[0])
        self.source.skip(told.size)


def _pair(machine: _Machine, argument: Any) -> None:
    machine.stack.append(machine.name(*(argument or (None, None))))


def _is_no_text(value: Any) -> bool:
    """Whether an unpickler stops here: what is imported from elsewhere, and what a call makes, may be a text; plain types are none."""
    if isinstance(value, Made):
        return value.of in _THINGS
    return isinstance(value, _PLAIN) and (not isinstance(value, Name) or (None not in value and verdict(value) is Verdict.INERT))


def _stack_global(machine: _Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    if any(_is_no_text(part) for part in (name, module)):
        raise BrokenError(f"byte {machine.source.at:,} imports what is no text")
    machine.stack.append(machine.name(module, name))


def _inst(machine: _Machine, argument: Any) -> None:
    of = machine.name(*(argument or (None, None)))  # looked up before the mark is
    machine.call(of, tuple(machine.to_mark()[:_FEW]))


def _obj(machine: _Machine, _: Any) -> None:
    values = machine.to_mark()
    machine.call(values[0] if values else None, tuple(values[1:_FEW]))


def _reduce(machine: _Machine, _: Any) -> None:
    arguments, of = machine.pop(), machine.taken()
    machine.call(of, arguments)


def _newobj_ex(machine: _Machine, _: Any) -> None:
    machine.pop()
    arguments, of = machine.pop(), machine.pop()
    machine.call(of, arguments)


def _extension(machine: _Machine, _: Any) -> None:
    machine.stack.append(machine.name(None, None))  # the registry of copyreg decides, when it is loaded


def _mark(machine: _Machine, _: Any) -> None:
    machine.stack.append(_MARK)


def _duplicate(machine: _Machine, _: Any) -> None:
    value = machine.pop()
    machine.stack += [value, value]


def _key(machine: _Machine, argument: Any) -> int:
    """The key of a memo, as the unpicklers take it: whatever `int` takes, and up to a null byte."""
    if isinstance(argument, int):
        return argument
    if not (argument.isdigit() and len(argument) < _KEY and (argument == b"0" or not argument.startswith(b"0"))):
        machine.doubt("a number is spelled as no pickler does")
    try:
        return int(argument.split(b"\0")[0])
    except ValueError as error:
        raise BrokenError(f"byte {machine.source.at:,} remembers under no number") from error


def _put(machine: _Machine, argument: Any) -> None:
    key = _key(machine, argument)
    if not machine.stack:
        raise BrokenError(f"byte {machine.source.at:,} remembers what is not there")
    machine.memo[key] = machine.stack[-1]


def _get(machine: _Machine, argument: Any) -> None:
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


def _frame(machine: _Machine, size: int) -> None:
    if machine.source.at < machine.frame_end:
        machine.doubt("a frame begins before another ends")
    machine.frame_end = machine.source.at + size


def _tuple(machine: _Machine, size: int | None) -> None:
    values = machine.to_mark() if size is None else [machine.pop() for _ in range(size)][::-1]
    machine.stack.append(tuple(values) if len(values) <= _FEW else _OTHER)


def _items(machine: _Machine, pairs: list[Any]) -> None:
    """Set items of the dict on top; only small ones are outlined."""
    holder = machine.stack[-1] if machine.stack else None
    if not isinstance(holder, Outlined) or holder.over:
        return
    for key, value in zip(pairs[::2], pairs[1::2], strict=False):
        if type(key) is not str or (len(holder) >= _FEW and key not in holder):
            holder.over = True
            return
        holder[key] = value


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
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "FRAME": _frame,
    "EMPTY_DICT": lambda machine, _: machine.stack.append(Outlined()),
    "SETITEM": _set_item,
    "SETITEMS": lambda machine, _: _items(machine, machine.to_mark()),
}
