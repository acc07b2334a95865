"""What failing cells look like, and what to do about each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.inputs.tables.connection import quoted_text
from mlops_stage.stages.data import rules as r

if TYPE_CHECKING:
    from mlops_stage.stages.data.compiled import Cell

_NUMBERS = (
    ("`1,234`: write numbers without separators of thousands", r"[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?"),
    ("`12,5`: write numbers with a decimal point", r"[-+]?[0-9]*,([0-9]{1,2}|[0-9]{4,})"),
    ("`1_000`: write numbers without underscores", r"[-+]?[0-9]+(_[0-9]+)+(\.[0-9]+)?"),
    ("`12 %`: write shares as numbers, such as 0.12", r"[-+]?[0-9.]+\s*%"),
    ("`$12`: write amounts without their currency", r"[-+]?\s*[$€£¥]\s*[0-9.,]+|[0-9.,]+\s*([$€£¥]|USD|EUR|GBP)"),
    ("`2024-01-31`: these are dates", r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*"),
)
_WHOLE = ("`1.5`: they have a fraction; declare `number`, or round them", r"[-+]?[0-9]+\.[0-9]*[1-9][0-9]*")
_TIMES = (
    ("`31/12/2024`: write dates as 2024-12-31, for nobody can tell day from month", r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}.*"),
    ("`1704067200`: seconds since 1970; write dates as 2024-12-31", r"[0-9]{9,13}"),
)
_FLAGS = (("`yes`: write true or false", r"(?i)y|n|yes|no|t|f|on|off"),)
_PLACEHOLDERS = ("`N/A`: leave a missing cell empty", r"(?i)\s*(n/?a|#n/a|nan|null|none|nil|missing|unknown|undefined|-+|\?+|\.)\s*")


def looks_of(check: r.Check, cell: Cell) -> list[tuple[str, str]]:
    """For a check that cells may fail: words with what to do, and the SQL of the condition that a cell looks so."""
    if isinstance(check, r.OneOf):
        texts = sorted({value.strip().lower() for value in check.values if isinstance(value, str)})
        listed = ", ".join(map(quoted_text, texts))
        return [("an allowed one but for case or space", f"lower(trim({cell.text})) IN ({listed})")] if texts else []
    if not isinstance(check, r.Typed) or not cell.textual:
        return []
    kinds: dict[str, tuple[tuple[str, str], ...]] = {
        "integer": (*_NUMBERS, _WHOLE),
        "number": _NUMBERS,
        "boolean": _FLAGS,
        "date": _TIMES,
        "timestamp": _TIMES,
        "time": _TIMES,
    }
    patterns = (_PLACEHOLDERS, *kinds.get(check.kind, ()))
    return [(told, f"regexp_full_match({cell.raw}, {quoted_text(pattern)})") for told, pattern in patterns]
