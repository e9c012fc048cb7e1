"""One exchange with the server: a POST, and whatever comes back.

No redirect is followed, certificates are verified, and nothing takes longer than the limit but the system's own name lookup. Proxies are
taken from the environment, as urllib does; a server on loopback is always asked directly.
"""

from __future__ import annotations

import email.utils
import http.client
import io
import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Protocol

MAX_ANSWER = 2 << 20  #: bytes of an answer that are read; the largest list of revoked licenses, which may travel beside it, fits


@dataclass(frozen=True)
class Answer:
    """What the server sent, whatever its status."""

    status: int
    body: str
    retry_after: int = 0  #: seconds; 0: not said


class Transport(Protocol):
    """What a client needs to reach its server; give it another one as the setting ``transport``."""

    def post(self, url: str, body: str, timeout: float) -> Answer:
        """Post the body as text/plain within ``timeout`` seconds. Raises OSError when there is no answer."""


class HTTP:
    """HTTP and HTTPS by the standard library. ``context`` replaces the system's certificate authorities."""

    def __init__(self, context: Optional[ssl.SSLContext] = None) -> None:
        self._context = context

    def _verifying(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context

    def post(self, url: str, body: str, timeout: float) -> Answer:
        deadline = time.monotonic() + timeout
        opener = urllib.request.OpenerDirector()  # without the default handlers, which follow redirects and open files
        proxies: Optional[Dict[str, str]] = {} if _loopback(url) else None  # None: those of the environment
        for handler in (urllib.request.ProxyHandler(proxies), _Plain(deadline), _Secure(deadline, self._verifying), _Whatever()):
            opener.add_handler(handler)
        opener.addheaders = [("User-Agent", "onelicense-python")]
        request = urllib.request.Request(url, body.encode(), {"Content-Type": "text/plain; charset=utf-8"}, method="POST")
        try:
            with opener.open(request, timeout=timeout) as response:
                text = response.read(MAX_ANSWER).decode("utf-8", "replace")
                return Answer(response.status, text, retry_after(response.headers.get("Retry-After")))
        except urllib.error.URLError as e:
            raise OSError(str(e.reason)) from e
        except http.client.HTTPException as e:
            raise OSError(f"not an HTTP answer: {e!r}") from e


def retry_after(header: Optional[str]) -> int:
    """The seconds of a Retry-After header, which says a number or a date; 0 when it says nothing."""
    if not header:
        return 0
    if header.strip().isdecimal():
        return min(int(header), 1 << 31)
    try:
        when = email.utils.parsedate_to_datetime(header).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0
    return max(0, min(round(when - time.time()), 1 << 31))


def _loopback(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Whatever(urllib.request.HTTPErrorProcessor):
    """Every status is an answer: none is an error, none a redirect to follow."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response

    https_response = http_response


class _Plain(urllib.request.AbstractHTTPHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    http_request = urllib.request.AbstractHTTPHandler.do_request_

    def http_open(self, req: Any) -> Any:
        return self.do_open(_connection(_PlainConnection, self._deadline), req)


class _Secure(urllib.request.AbstractHTTPHandler):
    https_request = urllib.request.AbstractHTTPHandler.do_request_

    def __init__(self, deadline: float, context: Callable[[], ssl.SSLContext]) -> None:
        super().__init__()
        self._deadline = deadline
        self._verifying = context

    def https_open(self, req: Any) -> Any:
        return self.do_open(_connection(_SecureConnection, self._deadline), req, context=self._verifying())


def _connection(kind: Any, deadline: float) -> Any:
    def make(host: str, **settings: Any) -> Any:
        made = kind(host, **settings)
        made.deadline = deadline
        return made

    return make


class _PlainConnection(http.client.HTTPConnection):
    deadline = 0.0

    def connect(self) -> None:
        super().connect()
        self.sock = _Timed(self.sock, self.deadline)


class _SecureConnection(http.client.HTTPSConnection):
    deadline = 0.0

    def connect(self) -> None:
        super().connect()
        self.sock = _Timed(self.sock, self.deadline)


class _Timed:
    """A socket whose timeout is one deadline for everything, not a limit for each packet: else a server that sends a byte now and then
    could hold an exchange for ever. It is what http.client asks of a socket."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def arm(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)

    def sendall(self, data: Any) -> None:
        self.arm()
        self._sock.sendall(data)  # a timeout of sendall is for the whole of it

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedFile(self, self._sock.makefile("rb", buffering=0)))

    def close(self) -> None:
        self._sock.close()  # when the file is closed as well


class _TimedFile(io.RawIOBase):
    def __init__(self, timed: _Timed, raw: Any) -> None:
        self._timed = timed
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        self._timed.arm()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
