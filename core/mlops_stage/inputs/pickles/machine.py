"""The stack and the memo of an unpickler that imports nothing, and what each opcode would do to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.pickles.acts import ACTS
from mlops_stage.inputs.pickles.arrays import DoubtError, layout
from mlops_stage.inputs.pickles.opcodes import OPCODES, BrokenError
from mlops_stage.inputs.pickles.outlines import MARK, OTHER, PLAIN, THINGS, WRAPPER, Made, Name
from mlops_stage.inputs.pickles.source import ShortError

if TYPE_CHECKING:
    from mlops_stage.inputs.pickles.opcodes import Opcode
    from mlops_stage.inputs.pickles.source import Source

MOST_OPCODES = 20_000_000
"""A pickle with more is not examined to its end."""
MOST_HELD = 5_000_000
"""So many values may lie on the stack, or be remembered, at once."""
MOST_NAMES = 5000
"""So many different imports are noted; no model has a tenth of them."""


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


class Machine:
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
                raise ShortError("it ends before its last instruction")
            found.opcodes += 1
            if found.opcodes > MOST_OPCODES or len(self.stack) > MOST_HELD or len(self.memo) + len(self.older) > MOST_HELD:
                raise EndlessError(f"it has more than {MOST_OPCODES:,} instructions, or holds more than {MOST_HELD:,} values at once")
            opcode = OPCODES.get(code)
            if opcode is None:
                raise BrokenError(f"byte {source.at:,} is no instruction of a pickle")
            if opcode.name == "STOP":
                if source.at < self.frame_end:
                    self.doubt("it stops before its frame ends")
                return
            argument = opcode.read(source)
            special = ACTS.get(opcode.name)
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
            self.stack.append(OTHER if argument is None else argument)
            self.stack.extend([OTHER] * (opcode.leaves - 1))

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
            raise BrokenError(f"byte {self.source.at:,} takes a value where there is none (empty stack)")
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
            raise BrokenError(f"byte {self.source.at:,} uses a description of an array as joblib never does (NumpyArrayWrapper)")

    def to_mark(self) -> list[Any]:
        """The values above the last mark, without it.

        Raises:
            BrokenError: there is no mark.
        """
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is MARK:
                values = self.stack[place + 1 :]
                del self.stack[place:]
                if self.careful:
                    for value in values:
                        self.check(value)
                return values
        raise BrokenError(f"byte {self.source.at:,} ends a list that was never begun (no mark)")

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
        elif isinstance(of, (str, *PLAIN)) or (isinstance(of, Made) and of.of in THINGS):
            raise BrokenError(f"byte {self.source.at:,} calls what cannot be called")
        else:  # what is called was itself made by a call: no library pickles so, and no list of names sees it
            self.name(None, None)
            self.stack.append(OTHER)

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
                self.stack[-1] = OTHER

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
            Machine(self.source, self.found, {}).run()  # as pickle.load, which knows of no arrays
            return
        if told.padded:
            self.source.skip(self.source.read(1)[0])
        self.source.skip(told.size)
