"""Rules as people write them: JSON, whatever else may stand in the field."""

import json
import math
import re
from typing import Any

from django.utils.translation import gettext as _

from .errors import RuleError

# What PostgreSQL has no place for: nothing, and halves of a character.
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")


def read(*, text: str) -> Any:
    """Read JSON that PostgreSQL can keep; a RuleError says what is wrong with anything else."""
    try:
        found = json.loads(text, parse_constant=_refuse)
        # A number of thousands of digits, and brackets by the thousand, are errors of other kinds.
        if not is_storable(found):
            raise RuleError(
                "rules", _("The text holds an unreadable character."), _("Type the text anew.")
            )
    except RuleError:
        raise
    except (ValueError, RecursionError) as error:
        raise RuleError(
            "rules", _("This is not JSON yet: look for a missing comma or bracket."), ""
        ) from error
    return found


def is_storable(value: Any) -> bool:
    """Whether all texts, keys and numbers in a value can be kept."""
    if isinstance(value, dict):
        return all(is_storable(key) and is_storable(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(is_storable(inner) for inner in value)
    if isinstance(value, float):
        # 1e999 is JSON, and no number of ours.
        return math.isfinite(value)
    if not isinstance(value, str):
        return True
    return _UNREADABLE.search(value) is None


def _refuse(name: str) -> float:
    """Not a number, and infinity, are Python's and not JSON's."""
    raise ValueError(name)
