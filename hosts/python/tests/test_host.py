"""The host with a scripted module: what it does with effects, with a module that breaks, and with its threads."""

import base64
import logging
import queue
import threading
import time

import pytest

from conftest import IDS, PATIENCE, Deaf, Memory, Script, notify, willing
from onelicense import LicenseError, OneLicenseClient
from onelicense.engine import Broken
from onelicense.errors import refuse
from onelicense.transport import Answer


def client(script, **settings):
    settings.setdefault("storage", Memory())
    settings.setdefault("transport", Deaf())
    settings.setdefault("on_failure", lambda v: None)
    return OneLicenseClient("http://localhost/api/v1", *IDS.values(), engine=script, **settings)


class Says:
    """A transport that answers each request by a function."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = queue.Queue()

    def post(self, url, body, timeout):
        self.asked.put((url, body, timeout))
        return self.answer(body)


def test_effects_are_carried_out_in_their_order():
    """What is to be sent must be on the disk first, and the answer to the program comes last."""
    order = []

    def answer(event):
        if event["type"] == "start":
            return [{"type": "save", "id": 1, "state": "asked"}]
        if event["type"] == "saved" and event["id"] == 1:
            return [{"type": "send", "id": 2, "url": "http://x/sync", "body": "request", "timeout": 1000}]
        if event["type"] == "reply":
            order.append((event["id"], event["status"], event["body"], event["retry_after"]))
            return [{"type": "save", "id": 3, "state": "leased"}, notify(1), {"type": "wake", "in": -1}]
        return willing(event)

    storage = Memory(save=order.append)
    transport = Says(lambda body: order.append(body) or Answer(200, "lease", 7))
    script = Script(answer)
    with client(script, storage=storage, transport=transport):
        assert order == ["asked", "request", (2, 200, "lease", 7), "leased"]
        assert transport.asked.get_nowait() == ("http://x/sync", "request", 1.0)
    assert not storage.is_open


def test_every_event_has_time_and_randomness():
    """They are the system's own, not a default that is always the same."""
    before = time.time_ns() // 1_000_000
    script = Script(willing)
    with client(script) as c:
        c.sync()
        c.sync()
    after = time.time_ns() // 1_000_000
    events = [call["event"] for call in script.calls if call["op"] == "step"]
    assert all(before <= e["now"] <= after and e["mono"] >= 0 for e in events)
    assert sorted(e["mono"] for e in events) == [e["mono"] for e in events]
    randoms = [base64.b64decode(e["random"]) for e in events]
    assert all(len(r) >= 16 for r in randoms) and len(set(randoms)) == len(events)
    new = [base64.b64decode(call["random"]) for call in script.calls if call["op"] == "new"]
    assert all(len(r) == 32 for r in new) and len(set(new)) == len(new)


# proves C04, C05
def test_the_timer_wakes_the_module_in_the_background():
    ticks = []

    def answer(event):
        if event["type"] == "timer":
            ticks.append(event)
        if event["type"] in ("start", "timer") and len(ticks) < 3:
            return [*willing(event), {"type": "wake", "in": 1}]
        return willing(event)

    script = Script(answer)
    with client(script):
        script.wait("timer", 3)


def test_a_timer_replaces_the_one_before():
    def answer(event):
        if event["type"] == "start":
            return [*willing(event), {"type": "wake", "in": 3_600_000}, {"type": "wake", "in": 1}]
        return willing(event)

    script = Script(answer)
    with client(script) as c:
        script.wait("timer")
        assert c._host._wake_at is None


def test_a_timer_can_be_taken_away():
    def answer(event):
        return [*willing(event), {"type": "wake", "in": 3_600_000 if event["type"] == "start" else -1}]

    with client(Script(answer)) as c:
        assert c._host._wake_at is not None
        c.sync()
        assert c._host._wake_at is None


def test_an_answer_that_no_call_can_hold_is_a_failure():
    """It comes from something else than a server, which must not keep the module waiting for ever."""

    def answer(event):
        if event["type"] == "start":
            return [{"type": "send", "id": 1, "url": "http://x", "body": "", "timeout": 1000}]
        if event["type"] == "reply":
            raise refuse("bad_call", "too large")  # as an instance does
        if event["type"] == "failed":
            return [notify(1, "unreachable", detail=event["detail"])]
        return willing(event)

    script = Script(answer)
    with pytest.raises(LicenseError) as e:
        client(script, transport=Says(lambda body: Answer(200, "x")))
    assert (e.value.code, e.value.detail) == ("unreachable", "too large")
    assert script.events("failed")[0]["id"] == 1 and script.opened == script.closed == 2


def test_no_answer_is_a_failure_with_a_detail():
    def answer(event):
        if event["type"] == "start":
            return [{"type": "send", "id": 1, "url": "http://x", "body": "", "timeout": 1000}]
        if event["type"] == "failed":
            return [notify(1)]
        return willing(event)

    def nobody(body):
        raise OSError("connection refused")

    script = Script(answer)
    with client(script, transport=Says(nobody)):
        assert script.wait("failed")["detail"] == "connection refused"


def test_a_transport_that_does_not_come_back_is_given_up(monkeypatch):
    monkeypatch.setattr("onelicense.host.SLACK", 1)
    over = threading.Event()

    def answer(event):
        if event["type"] == "start":
            return [{"type": "send", "id": 1, "url": "http://x", "body": "", "timeout": 1}]
        return [notify(1)] if event["type"] == "failed" else willing(event)

    script = Script(answer)
    with client(script, transport=Says(lambda body: over.wait(PATIENCE) and Answer(200, "late"))):
        assert script.wait("failed") == {**script.wait("failed"), "id": 1, "detail": "timed out"}
        over.set()
    assert script.events("reply") == []


def test_a_failed_save_is_reported():
    def answer(event):
        if event["type"] == "start":
            return [{"type": "save", "id": 1, "state": "s"}]
        return [notify(1)] if event["type"] == "save_failed" else willing(event)

    def full(state):
        raise OSError("no space left")

    script = Script(answer)
    with client(script, storage=Memory(save=full)):
        assert script.wait("save_failed")["detail"] == "no space left"


def test_requests_are_still_sent_when_no_thread_can_be_started(monkeypatch):
    """So it is while the interpreter exits, from Python 3.12 on."""

    def answer(event):
        if event["type"] == "sync":
            return [{"type": "send", "id": 1, "url": "http://x", "body": "last", "timeout": 1000}]
        return [notify(2)] if event["type"] == "reply" else willing(event)

    def refuse(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    transport = Says(lambda body: Answer(200, "ok"))
    with client(Script(answer), transport=transport) as c:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        c.sync()
        assert transport.asked.get_nowait()[1] == "last"


def test_consume_takes_the_short_way():
    script = Script(willing)
    script.counts = [0, 0, 1]
    with client(script) as c:
        c.consume()
        c.consume(5)
        assert script.events("consume") == [] and script.events("poll") == []
        c.consume()
        script.wait("poll")


# proves C08
def test_consume_asks_when_it_must():
    def answer(event):
        return [notify(event["call"], "exhausted", detail="5 of 5")] if event["type"] == "consume" else willing(event)

    script = Script(answer)
    script.counts = [2]
    with client(script) as c:
        with pytest.raises(LicenseError) as e:
            c.consume(3)
    assert (e.value.code, e.value.detail, e.value.allow_continue) == ("exhausted", "5 of 5", False)
    assert script.events("consume")[0]["n"] == 3


@pytest.mark.parametrize("n", [0, -1, 1 << 31, 1 << 40, True, 1.5])
def test_what_does_not_fit_the_short_way_is_judged_by_the_module(n):
    script = Script(willing)
    script.counts = [Broken("must not be asked")]
    with client(script) as c:
        c.consume(n)
    assert script.events("consume")[0]["n"] == n


class Handler:
    """A handler that a test can wait for."""

    def __init__(self):
        self.verdicts = queue.Queue()

    def __call__(self, verdict):
        self.verdicts.put((verdict.code, threading.current_thread().name))

    def code(self):
        return self.verdicts.get(timeout=PATIENCE)[0]


# proves C06
def test_what_nobody_asked_for_goes_to_the_handlers():
    told, failed = Handler(), Handler()

    def answer(event):
        if event["type"] == "sync":
            return [*willing(event), notify(code="grace"), notify(code="revoked")]
        return willing(event)

    with client(Script(answer), on_verdict=told, on_failure=failed) as c:
        c.sync()
        assert (told.code(), told.code()) == ("grace", "revoked")
        assert failed.code() == "revoked" and failed.verdicts.empty()


@pytest.mark.parametrize("tolerated", [False, True])
def test_refusal_that_the_module_tolerates(tolerated):
    """The start, what is told later, and the start of an instance that replaces a broken one."""
    told, failed = Handler(), Handler()
    answers = trap(1, "consume")

    def answer(event):
        if event["type"] == "start":
            return [notify(event["call"], "unreachable", offline_tolerated=tolerated)]
        found = [notify(code="lease_expired", offline_tolerated=True), notify(code="grace")]
        return [*willing(event), *found] if event["type"] == "sync" else answers(event)

    script = Script(answer)
    script.counts = [2]
    if not tolerated:
        with pytest.raises(LicenseError) as e:
            client(script, offline=True, on_verdict=told, on_failure=failed)
        assert e.value.code == "unreachable" and not e.value.offline_tolerated
        return
    with client(script, offline=True, on_verdict=told, on_failure=failed) as c:
        c.sync()
        assert (told.code(), told.code()) == ("lease_expired", "grace")
        with pytest.raises(LicenseError):
            c.consume()
        c.sync()  # of the new instance
        assert (told.code(), told.code()) == ("lease_expired", "grace")
    assert failed.verdicts.empty()


def test_refusal_that_is_not_tolerated_stops_an_offline_program():
    failed = Handler()

    def answer(event):
        found = [notify(code="lease_expired", offline_tolerated=True), notify(code="suspended")]
        return [*willing(event), *found] if event["type"] == "sync" else willing(event)

    with client(Script(answer), offline=True, on_failure=failed) as c:
        c.sync()
        assert failed.code() == "suspended" and failed.verdicts.empty()


def test_while_starting_the_answer_decides():
    """A damaged state is told by the way; what counts is how the start ends."""
    told, failed = Handler(), Handler()

    def answer(event):
        if event["type"] == "start":
            return [notify(code="state_invalid"), *willing(event), notify(code="revoked")]
        return willing(event)

    with client(Script(answer), on_verdict=told, on_failure=failed):
        assert (told.code(), told.code()) == ("state_invalid", "revoked")
        assert failed.code() == "revoked" and failed.verdicts.empty()


def test_a_handler_may_call_the_client():
    done = threading.Event()
    made = []

    def stop(verdict):
        made[0].sync()
        made[0].shutdown()
        done.set()

    def answer(event):
        if event["type"] == "consume":
            return [*willing(event), notify(code="revoked")]
        return willing(event)

    script = Script(answer)
    script.counts = [2]
    made.append(client(script, on_failure=stop))
    made[0].consume()
    assert done.wait(PATIENCE)
    with pytest.raises(LicenseError, match="not_running"):
        made[0].consume()


def test_a_handler_that_fails_is_logged(caplog):
    failed = Handler()

    def broken(verdict):
        raise ValueError("a bug of the program")

    def answer(event):
        return [*willing(event), notify(code="revoked")] if event["type"] == "sync" else willing(event)

    with caplog.at_level(logging.ERROR, "onelicense"):
        with client(Script(answer), on_verdict=broken, on_failure=failed) as c:
            c.sync()
            assert failed.code() == "revoked"
    assert "a handler of verdicts failed" in caplog.text


def trap(times, kind="sync"):
    """A module that traps at the first so many events of a kind."""
    left = [times]

    def answer(event):
        if event["type"] == kind and left[0]:
            left[0] -= 1
            raise Broken("unreachable")
        if event["type"] == "start":
            return [{"type": "save", "id": 1, "state": f"start {event['call']}"}, *willing(event)]
        return willing(event)

    return answer


# proves C14
def test_a_broken_module_is_replaced_from_the_saved_state():
    script, storage = Script(trap(1)), Memory()
    with client(script, storage=storage) as c:
        with pytest.raises(LicenseError) as e:
            c.sync()
        assert e.value.code == "internal" and e.value.detail == "unreachable"
        script.wait("start", 2)
        c.sync()
        new = [call for call in script.calls if call["op"] == "new"]
        assert new[-1]["state"] == "start 1"
    assert script.opened == script.closed


def test_an_answer_internal_breaks_the_module_as_well():
    def answer(event):
        if event["type"] == "sync" and event["call"] == 2:
            verdict = {"code": "internal", "class": "usage", "ok": False, "allow_continue": False}
            return {"error": {**verdict, "message": "", "detail": "index", "do": ""}}
        return willing(event)

    script = Script(answer)
    with client(script) as c:
        with pytest.raises(LicenseError, match="index"):
            c.sync()
        script.wait("start", 2)
        c.sync()


def test_a_refused_event_leaves_the_module_as_it_is():
    def answer(event):
        if event["type"] == "sync":
            return {"error": notify(code="bad_call", detail="now -1")["verdict"]}
        return willing(event)

    script = Script(answer)
    with client(script) as c:
        with pytest.raises(LicenseError, match="bad_call"):
            c.sync()
        assert script.events("start") == [script.wait("start")]


def test_a_trap_in_the_short_way():
    script = Script(willing)
    script.counts = [Broken("unreachable"), 0]
    with client(script) as c:
        with pytest.raises(LicenseError, match="internal"):
            c.consume()
        c.consume()


def test_a_module_that_breaks_again_and_again_ends_the_client():
    failed = Handler()
    script = Script(trap(1000))
    c = client(script, on_failure=failed)
    codes = []
    for _ in range(8):
        with pytest.raises(LicenseError) as e:
            c.sync()
        codes.append(e.value.code)
    assert set(codes) == {"internal"}
    assert failed.code() == "internal"
    assert script.opened < 12
    c.shutdown()
    assert script.opened == script.closed


def test_what_an_earlier_module_asked_for_is_not_answered_to_a_later_one():
    go = threading.Event()

    def answer(event):
        if event["type"] == "reserve":
            return [*willing(event), {"type": "send", "id": 9, "url": "http://x", "body": "", "timeout": 3_600_000}]
        return trap(1)(event) if event["type"] == "sync" else willing(event)

    transport = Says(lambda body: go.wait(PATIENCE) and Answer(200, "late"))
    script = Script(answer)
    with client(script, transport=transport) as c:
        c.reserve("ui", "x")
        transport.asked.get(timeout=PATIENCE)
        senders = [t for t in threading.enumerate() if t.name == "onelicense-sync"]
        with pytest.raises(LicenseError):
            c.sync()
        go.set()
        for t in senders:
            t.join(PATIENCE)
        assert script.events("reply") == []


# proves C09
def test_counting_waits_for_nothing():
    """Neither for the disk nor for the server: both hang here."""
    go, saving = threading.Event(), threading.Event()

    def hang(state):
        saving.set()
        go.wait(PATIENCE)

    def answer(event):
        if event["type"] == "poll":
            return [{"type": "save", "id": 1, "state": "journal"}]
        return willing(event)

    script, storage = Script(answer), Memory(save=hang)
    script.counts = [1]
    c = client(script, storage=storage)
    c.consume()
    assert saving.wait(PATIENCE)
    for _ in range(100):
        c.consume()
    assert not go.is_set() and storage.states == []
    go.set()
    c.shutdown()
    assert storage.states == ["journal"]


def test_many_threads_at_once():
    lock = threading.Lock()

    def answer(event):
        assert lock.acquire(blocking=False), "two threads in one instance"
        try:
            return willing(event)
        finally:
            lock.release()

    script = Script(answer)
    with client(script) as c:
        threads = [threading.Thread(target=lambda: [c.sync() for _ in range(50)]) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(PATIENCE)
    assert len(script.events("sync")) == 400


# proves L17
def test_shutdown_waits_for_the_module_and_then_nothing_works():
    def answer(event):
        if event["type"] == "shutdown":
            return [{"type": "save", "id": 7, "state": "last"}, *willing(event)]
        return willing(event)

    script, storage = Script(answer), Memory()
    c = client(script, storage=storage)
    assert c.shutdown().ok
    assert storage.states == ["last"] and not storage.is_open
    assert c.shutdown().code == "not_running"
    for call in (c.consume, c.sync, c.status, c.deactivate, lambda: c.reserve("ui", "x")):
        with pytest.raises(LicenseError, match="not_running"):
            call()
    assert script.opened == script.closed


def test_shutdown_has_a_limit():
    def answer(event):
        return [] if event["type"] == "shutdown" else willing(event)

    storage = Memory()
    c = client(Script(answer), storage=storage, shutdown_timeout=0.01)
    verdict = c.shutdown()
    assert verdict.code == "unreachable" and "next run" in verdict.detail
    assert not storage.is_open


def test_calls_in_progress_are_answered_by_shutdown():
    def answer(event):
        return [] if event["type"] == "sync" else willing(event)

    script = Script(answer)
    c = client(script)
    codes = queue.Queue()

    def sync():
        try:
            c.sync()
        except LicenseError as e:
            codes.put(e.code)

    t = threading.Thread(target=sync)
    t.start()
    script.wait("sync")
    c.shutdown()
    t.join(PATIENCE)
    assert codes.get_nowait() == "not_running"


def test_a_start_that_is_refused_leaves_nothing_behind():
    def answer(event):
        return [notify(event["call"], "expired")] if event["type"] == "start" else willing(event)

    script, storage = Script(answer), Memory()
    before = threading.active_count()
    with pytest.raises(LicenseError, match="expired"):
        client(script, storage=storage)
    assert not storage.is_open and script.opened == script.closed and threading.active_count() == before
    assert script.events("shutdown") == []
