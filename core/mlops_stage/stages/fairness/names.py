"""Which columns name groups of people, told by their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

NAMES = frozenset(
    {
        *("age", "age_group", "ancestry", "caste", "citizen", "citizenship", "country_of_birth", "country_of_origin"),
        *("birth_country", "disability", "disabled", "ethnic", "ethnic_group", "ethnic_origin", "ethnicity", "gender", "gender_identity"),
        *("handicap", "hispanic", "indigenous", "marital", "marital_status", "national_origin", "nationality", "native_country"),
        *("pregnancy", "pregnant", "race", "race_ethnicity", "religion", "sex", "sexual_orientation", "skin_color", "skin_colour"),
        *("skin_tone", "transgender", "veteran", "veteran_status"),
    }
)
"""Names of columns that are taken to name groups where nobody declares any: the grounds of discrimination that European and American law list."""
_ABOUT = r"(?:the_|a_|self_reported_|applicant_|candidate_|client_|customer_|employee_|borrower_|patient_|person_|user_|protected_|sensitive_|is_|demographic_)*"
_FORM = r"(?:_at_birth|_band|_bin|_binned|_bracket|_bucket|_cat|_category|_class|_code|_desc|_description|_group|_label|_name|_range|_years|_yrs|_\d+)*"
_AROUND = re.compile(rf"{_ABOUT}(.+?){_FORM}")
_AGE = re.compile(rf"{_ABOUT}age{_FORM}")


def called_sensitive(columns: Iterable[str], taken: Collection[str] = ()) -> tuple[str, ...]:
    """The columns whose names say that they name groups of people, such as `sex`, `Race`, `applicant_gender` and `ageGroup`.

    Args:
        columns: the names of a table's columns.
        taken: columns that mean something else, such as the label.
    """
    return tuple(name for name in columns if name not in taken and _says_so(name))


def _says_so(name: str) -> bool:
    plain = _plain(name)
    inner = _AROUND.fullmatch(plain)
    return plain in NAMES or (inner is not None and inner[1] in NAMES)


def _plain(name: str) -> str:
    """Lower-case words joined by underscores: `ageGroup` and `Age-Group` are `age_group`."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip()).lower()).strip("_")


def is_age(name: str) -> bool:
    """Whether a column's name says that it holds ages: `age`, `Age_Years`, `applicantAge`."""
    return _AGE.fullmatch(_plain(name)) is not None
