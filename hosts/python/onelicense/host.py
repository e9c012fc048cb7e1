"""The host of one client: events go into the module, effects come out and are carried out in their order.

Three kinds of thread meet here. Threads of the program bring its calls and wait for their answers. Threads of exchanges, one for each
request, bring what the server said. One worker saves, keeps the timer and the limits of exchanges. Whoever has the lock may step the module
and carry out what takes no time; a save takes time, so it is left to the worker, and what comes after it waits. The program's handlers run
in a fourth thread, which holds nothing, so that they may call the client.
"""

from __future__ import annotations

import atexit
import base64
import concurrent.futures
import itertools
import logging
import queue
import threading
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Set, Tuple

from . import fork, verdicts
from .engine import Broken, Instance
from .errors import LicenseError, Verdict, refuse
from .settings import Settings
from .storage import Storage

log = logging.getLogger("onelicense")

SLACK = 1_000  #: ms that a transport may take longer than its timeout before it is given up
BREAKS = 5  #: so many broken instances within a minute end the client

Answered = Tuple[Verdict, str]  #: what a call is answered, and the text that comes with it

_COUNTED, _POLL, _ASK = 0, 1, 2  # what the module's consume answers
_MAX_FAST = 1 << 31  # n from here on does not fit it; the slow way refuses it


class Host:
    """A client of the module and everything that it needs. ``open``, then ``ask`` and ``consume``, then ``close``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = settings.clock
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._over: Optional[Verdict] = Verdict.of(verdicts.NOT_RUNNING)  # what all calls are answered, once there is no going on
        self._closing = False

        self._storage: Optional[Storage] = None
        self._saved = ""  # the state on the disk
        self._instance: Optional[Instance] = None
        self._handle = 0
        self._life = 0  # counts instances; what belongs to an earlier one is dropped
        self._broke: List[int] = []  # mono of the last times
        self._files: Optional[List[Dict[str, Any]]] = None

        self._numbers = itertools.count(1)
        self._calls: "Dict[int, concurrent.futures.Future[Answered]]" = {}
        self._starting = 0  # number of the start that is not answered yet
        self._backlog: Deque[Dict[str, Any]] = deque()
        self._saving = False
        self._poll = False
        self._wake_at: Optional[int] = None  # mono
        self._sends: Dict[int, int] = {}  # id → mono of its limit
        self._unsent: List[Tuple[int, Dict[str, Any]]] = []
        self._worker: Optional[threading.Thread] = None
        self._told: "queue.SimpleQueue[Optional[Tuple[Verdict, bool]]]" = queue.SimpleQueue()
        self._teller: Optional[threading.Thread] = None

    # The life of a host

    def open(self) -> None:
        """Check the settings, take the storage, start the background thread. Raises LicenseError; nothing is left behind then."""
        self._renew_instance(check=True)  # wrong settings touch nothing on the disk
        self._storage = self._settings.open_storage()
        self._storage.open()
        try:
            self._saved = self._storage.load()
            self._renew_instance()
            self._worker = threading.Thread(target=self._run, name="onelicense", daemon=True)
            self._over = None
            self._worker.start()
        except BaseException:
            self._over = Verdict.of(verdicts.NOT_RUNNING)
            self._storage.close()
            raise
        _opened.add(self)
        fork.watch(self)

    def start(self) -> None:
        """Start, once it is open; when that is refused it is closed again. Raises LicenseError."""
        try:
            verdict = self.ask("start")
            if not verdict.ok and not verdict.offline_tolerated:
                raise LicenseError(verdict)
        except BaseException:
            self.abort()
            raise

    def close(self, timeout: float) -> Verdict:
        """Report what is left, release what is held, save, and give the storage back. Waits at most ``timeout`` seconds for the server:
        what it did not hear goes with the next run. Calls in progress are answered not_running."""
        with self._lock:
            if self._closing or self._worker is None:
                return Verdict.of(verdicts.NOT_RUNNING, "shutdown")
            self._closing = True
        try:
            verdict = self.ask("shutdown", timeout)
        except concurrent.futures.TimeoutError:
            verdict = Verdict.of(verdicts.UNREACHABLE, f"no answer within {timeout:g} s; what is left goes with the next run")
        finally:
            self._end()
        return verdict

    def abort(self) -> None:
        """Close without a word to the server: the client did not start."""
        with self._lock:
            self._closing = True
        self._end()

    def _end(self) -> None:
        worker = self._worker
        with self._lock:
            self._closing = True
            self._over = self._over or Verdict.of(verdicts.NOT_RUNNING)
            self._answer_all(Verdict.of(verdicts.NOT_RUNNING))
            self._changed.notify()
        if worker is not None and worker is not threading.current_thread():
            worker.join(_STUCK)
        with self._lock:
            if self._saving:
                return  # the disk hangs: the lock stays until the process ends
            self._drop_instance()
        if self._storage is not None:
            self._storage.close()
        self._told.put(None)
        _opened.discard(self)

    def forked(self) -> None:
        """Nothing of the parent's client may go on in a child: one state has one holder."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closing = True
        self._over = Verdict.of(verdicts.NOT_RUNNING, "this process was forked from the one that the client belongs to; make a new one")
        self._calls = {}  # those who wait for them are not in this process
        if self._storage is not None:
            self._storage.abandon()
        _opened.discard(self)

    # The program's calls

    def ask(self, kind: str, timeout: Optional[float] = None, **event: Any) -> Verdict:
        """Bring a call of the program as an event and wait for its answer. Raises TimeoutError after ``timeout`` seconds."""
        return self.fetch(kind, timeout, **event)[0]

    def fetch(self, kind: str, timeout: Optional[float] = None, **event: Any) -> Answered:
        """The same, and the text that comes with the answer."""
        with self._lock:
            if self._over is not None:
                return self._over, ""
            number, answer = self._number()
            if kind == "start":
                self._starting = number
            if kind == "files":
                self._files = event["files"]
            self._step({"type": kind, "call": number, **event})
            self._carry_out()
        return answer.result(timeout)

    def consume(self, n: int) -> None:
        """Count n calls, the short way if nothing is to be said. Raises LicenseError."""
        with self._lock:
            if self._over is not None:
                raise LicenseError(self._over)
            if type(n) is int and 0 < n < _MAX_FAST:
                answer = self._consume(n)
                if answer == _COUNTED:
                    return
                if answer == _POLL:
                    self._poll = True
                    self._changed.notify()
                    return
        verdict = self.ask("consume", n=n)
        if not verdict.ok:
            raise LicenseError(verdict)

    def _consume(self, n: int) -> int:
        assert self._instance is not None
        try:
            answer = self._instance.consume(self._handle, n, float(self._clock.now()))
            if answer not in (_COUNTED, _POLL, _ASK):
                raise Broken(f"consume answered {answer}")
            return answer
        except Broken as e:
            self._renew(e)
            raise refuse(verdicts.INTERNAL, str(e)) from e

    def status(self) -> Dict[str, Any]:
        """The ``abi.Status`` of spec/abi.md. Raises LicenseError."""
        with self._lock:
            if self._over is not None:
                raise LicenseError(self._over)
            assert self._instance is not None
            try:
                reply = self._instance.call({"op": "status", "handle": self._handle})
            except Broken as e:
                self._renew(e)
                raise refuse(verdicts.INTERNAL, str(e)) from e
        _raise_error(reply)
        return dict(reply["status"])

    def _number(self) -> "Tuple[int, concurrent.futures.Future[Answered]]":
        number = next(self._numbers)
        answer = self._calls[number] = concurrent.futures.Future()
        return number, answer

    def _answer(self, number: int, verdict: Verdict, text: str = "") -> None:
        if number == self._starting:
            self._starting = 0
        answer = self._calls.pop(number, None)
        if answer is not None:
            answer.set_result((verdict, text))

    def _answer_all(self, verdict: Verdict) -> None:
        for number in list(self._calls):
            self._answer(number, verdict)

    # Events in, effects out. All of these are called with the lock.

    def _step(self, event: Dict[str, Any]) -> None:
        if self._instance is None:
            return
        event.update(now=self._clock.now(), mono=self._clock.mono(), random=_base64(self._clock.random(16)))
        try:
            reply = self._instance.call({"op": "step", "handle": self._handle, "event": event})
            error = reply.get("error")
            if error and error["code"] == verdicts.INTERNAL:
                raise Broken(error.get("detail", ""))
        except Broken as e:
            self._renew(e)
            return
        except LicenseError as e:  # the host could not make the call
            reply, error = {}, None
            self._answer(event.get("call", 0), e.verdict)
            if event["type"] == "reply":
                self._step({"type": "failed", "id": event["id"], "detail": e.detail})
        if error:
            log.warning("the module refused the event %s: %s", event["type"], error)
            self._answer(event.get("call", 0), Verdict.read(error))
        self._backlog.extend(reply.get("effects") or ())

    def _carry_out(self) -> None:
        while self._backlog and not self._saving:
            effect = self._backlog[0]
            if effect["type"] == "save":
                self._changed.notify()
                return
            self._backlog.popleft()
            if effect["type"] == "notify":
                self._notify(effect)
            elif effect["type"] == "send":
                self._send(effect)
            elif effect["type"] == "wake":
                after = effect.get("in", 0)
                self._wake_at = None if after < 0 else self._clock.mono() + after
                self._changed.notify()

    def _notify(self, effect: Dict[str, Any]) -> None:
        verdict, number = Verdict.read(effect["verdict"]), effect.get("call", 0)
        if number:
            self._answer(number, verdict, effect.get("body", ""))
        else:
            self._tell(verdict)

    def _send(self, effect: Dict[str, Any]) -> None:
        if self._over is not None:
            return  # nobody is left to hear the answer; the request is saved
        self._sends[effect["id"]] = self._clock.mono() + effect["timeout"] + SLACK
        self._changed.notify()
        try:
            threading.Thread(target=self._exchange, args=(self._life, effect), name="onelicense-sync", daemon=True).start()
        except RuntimeError:  # while the interpreter exits there are no new threads
            self._unsent.append((self._life, effect))

    def _exchange(self, life: int, effect: Dict[str, Any]) -> None:
        event: Dict[str, Any]
        try:
            a = self._settings.transport.post(effect["url"], effect["body"], effect["timeout"] / 1000)
            event = {"type": "reply", "id": effect["id"], "status": a.status, "body": a.body, "retry_after": a.retry_after}
        except Exception as e:
            event = {"type": "failed", "id": effect["id"], "detail": str(e) or type(e).__name__}
        with self._lock:
            if life == self._life and self._sends.pop(effect["id"], None) is not None:
                self._step(event)
                self._carry_out()

    # The worker

    def _run(self) -> None:
        with self._lock:
            try:
                while self._work():
                    pass
            except Exception as e:
                log.exception("the background thread failed")
                self._die(Verdict.of(verdicts.INTERNAL, f"the background thread failed: {e!r}"))

    def _work(self) -> bool:
        """Do the next thing that is due, or wait for one. False: there will be none."""
        now = self._clock.mono()
        late = [i for i, limit in self._sends.items() if now >= limit]
        if self._backlog:
            self._save(self._backlog.popleft())
        elif self._unsent:
            self._outside(self._exchange, *self._unsent.pop(0))
        elif self._closing and self._over is not None:
            return False
        elif self._poll:
            self._poll = False
            self._step({"type": "poll"})
        elif late:
            del self._sends[late[0]]
            self._step({"type": "failed", "id": late[0], "detail": "timed out"})
        elif self._wake_at is not None and now >= self._wake_at:
            self._wake_at = None
            self._step({"type": "timer"})
        else:
            times = [*self._sends.values(), *([] if self._wake_at is None else [self._wake_at])]
            self._changed.wait(min(_longest, (min(times) - now) / 1000) if times else None)
        self._carry_out()
        return True

    def _save(self, effect: Dict[str, Any]) -> None:
        life, storage = self._life, self._storage
        assert storage is not None
        self._saving = True
        try:
            self._outside(storage.save, effect["state"])
            self._saved = effect["state"]
            event = {"type": "saved", "id": effect["id"]}
        except Exception as e:
            event = {"type": "save_failed", "id": effect["id"], "detail": str(e) or type(e).__name__}
        finally:
            self._saving = False
        if life == self._life:
            self._step(event)

    def _outside(self, do: Any, *args: Any) -> None:
        """Do what takes time without the lock."""
        self._lock.release()
        try:
            do(*args)
        finally:
            self._lock.acquire()

    # The instance

    def _renew_instance(self, check: bool = False) -> None:
        """Open an instance with the state on the disk. Raises LicenseError, Broken."""
        self._drop_instance()
        instance = self._settings.engine.open()
        try:
            call = {"op": "new", "config": self._settings.config(), "random": _base64(self._clock.random(32))}
            if self._saved:
                call["state"] = self._saved
            reply = instance.call(call)
            _raise_error(reply)
        except Broken as e:
            instance.close()
            raise refuse(verdicts.INTERNAL, str(e)) from e
        except BaseException:
            instance.close()
            raise
        if check:
            instance.close()
        else:
            self._instance, self._handle = instance, reply["handle"]

    def _drop_instance(self) -> None:
        instance, self._instance = self._instance, None
        if instance is not None:
            instance.close()

    def _renew(self, e: Broken) -> None:
        """An instance broke: answer the calls in progress, and go on with a new one from the state that was last saved."""
        log.error("the client module broke: %s", e)
        self._life += 1
        self._backlog.clear()
        self._sends.clear()
        self._wake_at, self._poll = None, False
        broken = Verdict.of(verdicts.INTERNAL, str(e))
        self._answer_all(broken)
        now = self._clock.mono()
        self._broke = [t for t in self._broke if now - t < 60_000] + [now]
        try:
            if len(self._broke) > BREAKS:
                raise LicenseError(broken)
            self._renew_instance()
        except LicenseError as error:
            self._drop_instance()
            self._die(error.verdict)
            return
        number, answer = self._number()
        answer.add_done_callback(self._restarted)
        self._starting = number
        self._step({"type": "start", "call": number})
        if self._files is not None:
            self._step({"type": "files", "files": self._files})
        self._carry_out()

    def _restarted(self, answer: "concurrent.futures.Future[Answered]") -> None:
        verdict, _ = answer.result()
        if not verdict.ok and not verdict.offline_tolerated:
            self._tell(verdict)

    def _die(self, verdict: Verdict) -> None:
        self._over = verdict
        self._answer_all(verdict)
        self._tell(verdict)

    # The program's handlers

    def _tell(self, verdict: Verdict) -> None:
        self._told.put((verdict, self._starting != 0))
        if self._teller is None:
            self._teller = threading.Thread(target=self._tell_all, name="onelicense-verdicts", daemon=True)
            try:
                self._teller.start()
            except RuntimeError:  # while the interpreter exits there are no new threads, and nothing to stop
                log.warning("%s", verdict)

    def _tell_all(self) -> None:
        while True:
            told = self._told.get()
            if told is None:
                return
            self._settings.tell(*told)


def _raise_error(reply: Dict[str, Any]) -> None:
    if reply.get("error"):
        raise LicenseError(Verdict.read(reply["error"]))


def _base64(b: bytes) -> str:
    return base64.b64encode(b).decode("ascii")


_STUCK = 10.0  # seconds that closing waits for the last save
_longest = threading.TIMEOUT_MAX
_opened: Set[Host] = set()


@atexit.register
def _close_all() -> None:
    for host in list(_opened):
        host.close(host._settings.shutdown_timeout)
