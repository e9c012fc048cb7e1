"""What a program gives in its own types, as the events of spec/abi.md have it."""

from __future__ import annotations

import operator
from datetime import timedelta
from typing import Any, Dict, List, Mapping, Optional, Union

from . import verdicts
from .errors import refuse

Seconds = Union[float, timedelta]


def milliseconds(borrow: Optional[Seconds]) -> int:
    """The ``borrow`` of a reserve; None is 0. Raises LicenseError: bad_call."""
    if borrow is None:
        return 0
    try:
        return round((borrow.total_seconds() if isinstance(borrow, timedelta) else borrow) * 1000)
    except (TypeError, ValueError, OverflowError) as e:
        raise refuse(verdicts.BAD_CALL, f"borrow {borrow!r} is no number of seconds") from e


def numbers(given: Mapping[str, int]) -> List[Dict[str, Any]]:
    """The ``numbers`` of a statistics. Raises LicenseError: bad_call."""
    try:
        if all(isinstance(name, str) for name in given):
            return [{"name": name, "value": operator.index(value)} for name, value in given.items()]
    except (TypeError, AttributeError):
        pass
    raise refuse(verdicts.BAD_CALL, f"statistics {given!r}: not names with whole numbers")


def text(given: str) -> str:
    """The ``body`` of an import. Raises LicenseError: bad_call."""
    if not isinstance(given, str):
        raise refuse(verdicts.BAD_CALL, f"the answer is a {type(given).__name__}, not a str")
    return given
