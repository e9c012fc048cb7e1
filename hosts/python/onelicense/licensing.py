"""The face for a program whose licenses come as files: initialize, reserve, unreserve, check, shutdown."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Dict, Mapping, Optional, Union

from . import events, verdicts
from .client import _granted
from .errors import LicenseError, Verdict, refuse
from .files import Directory, Loader
from .host import Host
from .settings import Settings


class Licensing:
    """Entitlements by license files: a directory of signed TXT files says what may be reserved, the server whether a slot is free::

        licensing = Licensing(server_url=…, product_id=…, version_id=…, keyring=certificate)
        licensing.initialize("/etc/app/licenses")
        error = licensing.reserve("ui", "rendering")
        if error is not None:
            print(error.message)

    ``reserve`` answers with an error object and does not raise, so that a program can look at what it was refused; ``check`` is for the
    code that must not run when somebody ignored that. The settings are those of ``Settings``, without ``license_id``. Any number of threads
    may use it.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = Settings.read(settings)
        self._host: Optional[Host] = None

    def initialize(self, directory: "Union[str, os.PathLike[str], Loader]") -> None:
        """Load all license files of the directory, any number of them, and the lists of revoked licenses: ``*.txt`` and ``*.list``. No
        license is activated before it is needed. A file that is refused does not keep the others from serving: ``status()["files"]`` has a
        verdict for each. Raises LicenseError."""
        if self._host is not None:
            raise refuse(verdicts.BAD_CALL, "initialize was called before")
        if not self._settings.keyring:
            raise refuse(verdicts.MISSING_SETTING, "keyring")
        if self._settings.license_id:
            raise refuse(verdicts.BAD_SETTING, "license_id: the ids are those of the files")
        loader = directory if hasattr(directory, "load") else Directory(directory)
        try:
            files = loader.load()
        except OSError as e:
            raise refuse(verdicts.FILE_UNREADABLE, str(e)) from e
        host = Host(self._settings)
        host.open()
        host.start()
        try:
            _granted(host.ask("files", files=[f.event() for f in files]))
        except BaseException:
            host.abort()
            raise
        self._host = host

    def reserve(self, context: str, entitlement: str, borrow: Optional[events.Seconds] = None) -> Optional[LicenseError]:
        """Take a hold on an entitlement in a context, or count one more. With ``borrow``, seconds or a timedelta, the server is asked to
        leave it here for so long, also while it is not reached. None when it is granted, else the error that says why not."""
        try:
            return self._ask("reserve", context, entitlement, borrow=events.milliseconds(borrow))
        except LicenseError as error:
            return error

    def unreserve(self, context: str, entitlement: str) -> bool:
        """Give one hold back; the server hears of the last one, in the background. False, and nothing changed, when there was none."""
        return self._ask("release", context, entitlement) is None

    def check(self, context: Optional[str], entitlement: str) -> bool:
        """True when the entitlement is reserved in the context, or, if that is None, in any, and its license still good. Otherwise
        ``on_failure`` is called, which by default ends the program; False if it comes back. Asks nobody."""
        error = self._ask("check", context or "", entitlement)
        if error is not None:
            self._settings.on_failure(error.verdict)
        return error is None

    def statistics(self, numbers: Mapping[str, int]) -> None:
        """Set the program's own numbers, at most 16, in place of those before. They go with the next sync, if the policy asks for
        statistics. Raises LicenseError: not_running, bad_call."""
        _granted(self._running("statistics").ask("statistics", numbers=events.numbers(numbers)))

    def export_request(self) -> str:
        """The request of the first license that the server is to answer, to be carried to it by hand (POST it to ``server_url`` +
        ``/sync``). It is on the disk, and stays the same until it is answered. Raises LicenseError."""
        verdict, request = self._running("export").fetch("export")
        _granted(verdict)
        return request

    def import_answer(self, text: str) -> None:
        """Take the server's answer that was carried back. Raises LicenseError: what the answer says, or why it is not to be believed;
        nothing has changed then."""
        _granted(self._running("import").ask("import", body=events.text(text)))

    def status(self) -> Dict[str, Any]:
        """How the licenses stand: ``root``, ``pinned``, ``licenses`` and ``files``, as spec/abi.md has them; times are ms since 1970. A
        license's ``receipt`` is its last lease as the server signed it, for ``verify_receipt``. Asks nobody. Raises LicenseError:
        not_running."""
        return self._running("status").status()

    def shutdown(self) -> Verdict:
        """Release everything and let go of the storage. Waits at most ``shutdown_timeout`` seconds; what the server did not hear goes with
        the next run, and the verdict then says why. Later calls are refused with not_running."""
        if self._host is None:
            return Verdict.of(verdicts.NOT_RUNNING, "shutdown")
        return self._host.close(self._settings.shutdown_timeout)

    def __enter__(self) -> "Licensing":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.shutdown()

    def _running(self, asked: str) -> Host:
        if self._host is None:
            raise refuse(verdicts.NOT_RUNNING, asked)
        return self._host

    def _ask(self, kind: str, context: str, entitlement: str, **more: Any) -> Optional[LicenseError]:
        if self._host is None:
            verdict = Verdict.of(verdicts.NOT_RUNNING, kind)
        else:
            verdict = self._host.ask(kind, context=context, entitlement=entitlement, **more)
        if verdict.ok:
            return None
        return LicenseError(
            dataclasses.replace(verdict, context=verdict.context or context, entitlement=verdict.entitlement or entitlement)
        )


def initialize(directory: "Union[str, os.PathLike[str], Loader]", **settings: Any) -> Licensing:
    """Make a ``Licensing`` and initialize it in one go. Raises LicenseError."""
    licensing = Licensing(**settings)
    licensing.initialize(directory)
    return licensing
