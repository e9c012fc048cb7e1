"""What the program is told: the verdict, and the exception that carries one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Mapping, Optional

from . import verdicts


@dataclass(frozen=True)
class Verdict:
    """An answer of the licensing client. The codes are explained in ``onelicense.verdicts``.

    ``ok`` says whether what was asked is granted, ``allow_continue`` whether the program may go on.
    """

    ok: bool
    code: str  #: stable, the same in every language
    cls: str  #: ok, final, retry-at, recover, request, transient, file or usage
    allow_continue: bool
    message: str  #: one sentence for people
    detail: str = ""  #: what decided it
    do: str = ""  #: what to do about it
    license: str = ""  #: id of the license, 24 hex digits
    context: str = ""
    entitlement: str = ""
    retry_at: Optional[datetime] = None  #: not before this time, in UTC
    file: str = ""  #: name of a license file that was refused
    offline_tolerated: bool = False  #: the setting ``offline`` lets the program start, or go on, in spite of it

    @classmethod
    def of(cls, code: str, detail: str = "", **more: Any) -> "Verdict":
        """The verdict of a code that was decided outside of the module."""
        row = verdicts.verdict(code)
        return cls(row.cls == "ok", row.code, row.cls, row.allow_continue, row.message, detail, row.do, **more)

    @classmethod
    def read(cls, v: Mapping[str, Any]) -> "Verdict":
        """A verdict as the module writes it; ``retry_at`` is in ms there."""
        retry_at = v.get("retry_at")
        return cls(
            ok=v["ok"],
            code=v["code"],
            cls=v["class"],
            allow_continue=v["allow_continue"],
            message=v["message"],
            detail=v.get("detail", ""),
            do=v.get("do", ""),
            license=v.get("license", ""),
            context=v.get("context", ""),
            entitlement=v.get("entitlement", ""),
            retry_at=datetime.fromtimestamp(retry_at / 1000, timezone.utc) if retry_at else None,
            file=v.get("file", ""),
            offline_tolerated=v.get("offline_tolerated", False),
        )

    def __str__(self) -> str:
        parts = [self.message]
        if self.detail:
            parts.append(f"({self.code}: {self.detail})")
        else:
            parts.append(f"({self.code})")
        if self.do and self.do != "nothing":
            parts.append(f"What to do: {self.do}.")
        return " ".join(parts)


class LicenseError(Exception):
    """A refusal. It has every attribute of its ``verdict``: ``code``, ``allow_continue``, ``message`` and so on."""

    ok: bool
    code: str
    cls: str
    allow_continue: bool
    message: str
    detail: str
    do: str
    license: str
    context: str
    entitlement: str
    retry_at: Optional[datetime]
    file: str
    offline_tolerated: bool

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict

    def __getattr__(self, name: str) -> Any:
        if name == "verdict":  # not set yet: while unpickling
            raise AttributeError(name)
        return getattr(self.verdict, name)

    def __str__(self) -> str:
        return str(self.verdict)


def refuse(code: str, detail: str = "", **more: Any) -> LicenseError:
    """The error of a code that was decided outside of the module."""
    return LicenseError(Verdict.of(code, detail, **more))
