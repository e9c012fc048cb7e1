"""The face for a program with one license: four values, then ``consume()``."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Union

from . import events, verdicts
from .errors import LicenseError, Verdict, refuse
from .host import Host
from .settings import Settings


class OneLicenseClient:
    """A program's license.

    Making one activates the license, or goes on with the activation that this installation has, and waits for the activation delay if there
    is one. From then on it is kept in sync in the background until ``shutdown``, which also happens by itself when the program ends::

        client = OneLicenseClient("https://licenses.example.com/api/v1#ROOT", product_id, version_id, license_id)
        client.consume()

    The four values may also come as one dict, in which all other ``Settings`` may stand as well. LicenseError is raised when the program
    may not go on: wrong ids, expired, limits reached, server not reached and no grace left, storage in use by another process; the setting
    ``offline`` is for machines that reach no server.

    Any number of threads may use a client. After a fork it belongs to the parent; a child makes its own, with another storage.
    """

    def __init__(
        self,
        server_url: Union[str, Mapping[str, Any]] = "",
        product_id: str = "",
        version_id: str = "",
        license_id: str = "",
        **settings: Any,
    ) -> None:
        if isinstance(server_url, Mapping):
            given = {**server_url, **settings}
        else:
            given = {"server_url": server_url, **settings}
        for name, value in (("product_id", product_id), ("version_id", version_id), ("license_id", license_id)):
            if value:
                given[name] = value
        self._settings = Settings.read(given)
        for name in ("server_url", "product_id", "version_id", "license_id"):
            if not getattr(self._settings, name):
                raise refuse(verdicts.MISSING_SETTING, name)
        self._host = Host(self._settings)
        self._host.open()
        self._host.start()

    def consume(self, n: int = 1) -> None:
        """Count n calls, a whole number from 1 to 1 000 000 000. With the trigger ``interval`` this only counts, and never waits for the
        server; with ``every_call`` the server is asked, and its answer is the answer. Raises LicenseError."""
        self._host.consume(n)

    def reserve(self, context: str, entitlement: str, borrow: Optional[events.Seconds] = None) -> None:
        """Take a hold on an entitlement. The server is asked for the first one; more are counted here. Each needs its ``release``. With
        ``borrow``, seconds or a timedelta, the server is asked to leave it here for so long, also while it is not reached. Raises
        LicenseError."""
        _granted(self._host.ask("reserve", context=context, entitlement=entitlement, borrow=events.milliseconds(borrow)))

    def release(self, context: str, entitlement: str) -> None:
        """Give one hold back; the server hears of the last one, in the background. Raises LicenseError: not_reserved."""
        _granted(self._host.ask("release", context=context, entitlement=entitlement))

    def check(self, context: Optional[str], entitlement: str) -> None:
        """Pass when the entitlement is reserved in the context, or, if that is None, in any, and its license still good. Asks nobody.
        Raises LicenseError."""
        _granted(self._host.ask("check", context=context or "", entitlement=entitlement))

    def sync(self) -> None:
        """Ask the server now, whatever the trigger. Raises LicenseError."""
        _granted(self._host.ask("sync"))

    def statistics(self, numbers: Mapping[str, int]) -> None:
        """Set the program's own numbers, at most 16, in place of those before. They go with the next sync, if the policy asks for
        statistics. Raises LicenseError: bad_call."""
        _granted(self._host.ask("statistics", numbers=events.numbers(numbers)))

    def export_request(self) -> str:
        """The request that the server is to answer, to be carried to it by hand (POST it to ``server_url`` + ``/sync``). It is on the disk,
        and stays the same until it is answered. Raises LicenseError."""
        verdict, request = self._host.fetch("export")
        _granted(verdict)
        return request

    def import_answer(self, text: str) -> None:
        """Take the server's answer that was carried back. Raises LicenseError: what the answer says, or why it is not to be believed;
        nothing has changed then."""
        _granted(self._host.ask("import", body=events.text(text)))

    def deactivate(self) -> None:
        """Give the activation back, so that another machine can have it. ``shutdown`` is still to be called. Raises LicenseError."""
        _granted(self._host.ask("deactivate"))

    def status(self) -> Dict[str, Any]:
        """How the license stands: the members ``root``, ``pinned`` and ``licenses``, as spec/abi.md has them; times are ms since 1970. A
        license's ``receipt`` is its last lease as the server signed it, for ``verify_receipt``. Asks nobody. Raises LicenseError:
        not_running."""
        return self._host.status()

    def shutdown(self) -> Verdict:
        """Report what is not reported, release what is held, and let go of the storage. Waits at most ``shutdown_timeout`` seconds. What
        could not be reported is saved and goes with the next run; the verdict then says why. Later calls are refused with not_running."""
        return self._host.close(self._settings.shutdown_timeout)

    def __enter__(self) -> "OneLicenseClient":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.shutdown()


#: The spelling of the first programs.
OneLicenceClient = OneLicenseClient


def _granted(verdict: Verdict) -> None:
    if not verdict.ok:
        raise LicenseError(verdict)
