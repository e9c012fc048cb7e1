"""The client with the real module, without a server to talk to."""

import os
import pickle
import re
import threading
from datetime import timedelta

import pytest

import one_license_client
import onelicense
from conftest import IDS, PACKAGE, PATIENCE, ROOT, Deaf, Memory, Script, notify, python, say, willing
from onelicense import LicenseError, Licensing, OneLicenceClient, OneLicenseClient, Verdict, machine, machine_parts, settings, verdicts

PIN = "#" + "A" * 40
LOCAL = "http://127.0.0.1:1/api/v1"


def refused(**given):
    """The error of a start with these settings, which must not reach the disk or the network."""
    values = {"server_url": "https://licenses.example.com/api/v1" + PIN, **IDS, "transport": Deaf(), "storage": Memory(), **given}
    with pytest.raises(LicenseError) as e:
        OneLicenseClient(values)
    assert not values["storage"].is_open
    return e.value


# proves C01, S28
@pytest.mark.parametrize("name", ["server_url", *IDS])
@pytest.mark.parametrize("value", ["", None])
def test_a_missing_setting_is_named(name, value):
    e = refused(**{name: value})
    assert (e.code, e.detail) == ("missing_setting", name)


# proves C01
@pytest.mark.parametrize(
    "name, value",
    [
        ("server_url", "licenses.example.com"),
        ("server_url", "ftp://licenses.example.com/#" + "A" * 40),
        ("server_url", "https://licenses.example.com/api/v1#AA"),
        ("product_id", "../../../etc"),
        ("license_id", "5EDB1264CC150913CB7640F8"),
        ("timeout", -1),
        ("timeout", "soon"),
        ("timeout", float("nan")),
        ("fingerprint", "this machine"),
        ("fingerprint", {"dongle": 7}),
        ("fingerprint", {"a b": "7"}),
        ("fingerprint", {str(n): "" for n in range(17)}),
        ("sever_url", "https://licenses.example.com"),
    ],
)
def test_a_bad_setting_is_named(name, value):
    e = refused(**{name: value})
    assert e.code == "bad_setting" and name in e.detail


# proves C02
def test_without_a_pin_the_program_does_not_go_on():
    assert refused(server_url="https://licenses.example.com/api/v1").code == "unpinned"


# proves C02
def test_a_server_that_is_not_there(tmp_path):
    with pytest.raises(LicenseError) as e:
        OneLicenseClient(LOCAL, *IDS.values(), storage=tmp_path)
    assert e.value.code == "unreachable" and not e.value.allow_continue
    onelicense.storage.Directory(tmp_path).open()  # the storage was given back


# proves C02
@pytest.mark.parametrize(
    "status, kind, body",
    [
        (200, "text/html", "<html>Welcome to the hotel's network</html>"),
        (500, "text/html", "<html>Internal Server Error</html>"),
        (503, "application/problem+json", '{"code":"busy","status":503}'),
        (200, "text/plain", ""),
        (200, "application/json", '{"type":"onelicense/nonsense'),
        (200, "text/plain", "x" * 100_000),
    ],
)
def test_an_answer_that_is_not_signed(web, status, kind, body):
    server = web(lambda h, asked: say(h, status, body, kind, Retry_After="30"))
    with pytest.raises(LicenseError) as e:
        OneLicenseClient(server.url + "/api/v1", *IDS.values(), storage=Memory())
    assert e.value.code in ("server_error", "lease_malformed")
    assert server.requests[0][0] == "/api/v1/sync"
    if status == 503:
        assert e.value.retry_at is not None and e.value.retry_at.tzinfo is not None


def test_a_server_that_hangs(web):
    over = threading.Event()
    server = web(lambda h, asked: over.wait(PATIENCE))
    try:
        with pytest.raises(LicenseError) as e:
            OneLicenseClient(server.url + "/api/v1", *IDS.values(), storage=Memory(), timeout=0.05)
        assert (e.value.code, e.value.detail) == ("unreachable", "timed out")
    finally:
        over.set()


# proves C18
@pytest.mark.parametrize("state", ["nonsense", '{"version":1}\n00\n', "\0" * 1000])
def test_a_damaged_state_is_told_and_begun_anew(state):
    told = []
    storage = Memory(state)
    with pytest.raises(LicenseError) as e:
        OneLicenseClient(
            LOCAL,
            *IDS.values(),
            storage=storage,
            on_verdict=lambda v: told.append(v.code),
            on_failure=lambda v: told.append("failed"),
        )
    assert e.value.code == "unreachable"
    assert len(storage.states) > 1


def test_the_default_storage_is_private(home, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(LicenseError):
        OneLicenseClient(LOCAL, *IDS.values())
    directory = tmp_path / "onelicense" / f"{IDS['product_id']}-{IDS['license_id']}"
    assert (directory / "state").exists() and directory.stat().st_mode & 0o077 == 0


def snippet():
    """The snippet of the first README, as this package's README prints it."""
    return re.search(r"```python\n(from one_license_client .*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL).group(1)


# proves C01, C16
def test_the_first_readme_still_works(monkeypatch):
    script = Script(willing)
    monkeypatch.setattr(settings.engine, "DEFAULT", script)
    monkeypatch.setattr(settings.stores, "Directory", lambda path: Memory())
    scope = {}
    exec(snippet(), scope)
    assert isinstance(scope["l"], OneLicenceClient)
    assert script.calls[0]["config"] == {
        "server_url": "http://localhost:4000/api/v1", **IDS, "keyring": "", "allow_unpinned": False, "offline": False, "timeout": 10_000,
        "fingerprint": [], "program": "",
        "platform": machine.platform(), "host": f"python/{onelicense.__version__}",
    }
    scope["l"].shutdown()


def test_the_machine_is_told_of_only_as_the_program_says(monkeypatch, tmp_path):
    (tmp_path / "id").write_text("0123abcd\n")
    monkeypatch.setattr(machine, "MACHINE_ID", (str(tmp_path / "missing"), str(tmp_path / "id")))
    parts = machine_parts()
    assert set(parts) == {"host_name", "platform", "machine_id"} and parts["machine_id"] == "0123abcd"
    monkeypatch.setattr(machine, "MACHINE_ID", ())
    assert set(machine_parts()) == {"host_name", "platform"}
    script = Script(willing)
    fingerprint = {**parts, "dongle": "7"}
    with OneLicenseClient(
        "http://localhost", *IDS.values(), engine=script, storage=Memory(), program="4.2", fingerprint=fingerprint
    ):
        config = script.calls[0]["config"]
    assert config["program"] == "4.2"
    assert config["fingerprint"] == [{"name": name, "value": value} for name, value in {**parts, "dongle": "7"}.items()]
    assert re.fullmatch(r"[a-z0-9]+/[a-z0-9_]+", config["platform"])


def files_client(**settings):
    ids = {"product_id": IDS["product_id"], "version_id": IDS["version_id"]}
    one = Licensing(keyring="certificate", server_url="http://localhost", **ids, **settings)
    one.initialize("nowhere")
    return one


def values_client(**settings):
    return OneLicenseClient("http://localhost", *IDS.values(), **settings)


# proves part of C17, B03, S23
@pytest.mark.parametrize("make", [values_client, files_client])
def test_the_calls_become_events(make):
    def answer(event):
        return [{**notify(event["call"]), "body": "the request\n"}] if event["type"] == "export" else willing(event)

    script = Script(answer)
    with make(engine=script, storage=Memory()) as c:
        c.reserve("ui", "rendering")
        c.reserve("ui", "rendering", borrow=1.5)
        c.reserve("ui", "rendering", timedelta(days=2))
        c.statistics({"documents": 3, "failures": -1})
        assert c.export_request() == "the request\n"
        c.import_answer("the answer\n")
    assert [e["borrow"] for e in script.events("reserve")] == [0, 1_500, 172_800_000]
    assert script.events("statistics")[0]["numbers"] == [{"name": "documents", "value": 3}, {"name": "failures", "value": -1}]
    assert script.events("import")[0]["body"] == "the answer\n"


@pytest.mark.parametrize("make", [values_client, files_client])
def test_a_mistake_in_a_call_is_a_typed_error(make):
    """What no event can say the host finds itself; what the module refuses comes back as it is."""
    ordinary = ("start", "files", "shutdown")
    script = Script(lambda event: willing(event) if event["type"] in ordinary else [notify(event["call"], "no_license")])
    with make(engine=script, storage=Memory()) as c:
        for call, given in (
            *((lambda borrow: refusal(c, borrow), b) for b in ("soon", float("nan"), float("inf"), {})),
            *((c.statistics, n) for n in ({"a": 1.5}, {"a": "1"}, {1: 1}, ["a"], None)),
            *((c.import_answer, a) for a in (b"bytes", None)),
        ):
            with pytest.raises(LicenseError) as e:
                call(given)
            assert e.value.code == "bad_call", given
        assert not any(script.events(kind) for kind in ("reserve", "statistics", "import"))
        for call in (lambda: refusal(c, -1), lambda: c.statistics({}), c.export_request, lambda: c.import_answer("")):
            with pytest.raises(LicenseError) as e:
                call()
            assert e.value.code == "no_license"


def refusal(client, borrow):
    error = client.reserve("ui", "rendering", borrow=borrow)
    if error is not None:
        raise error


def test_the_first_spelling_is_the_same_class():
    assert one_license_client.OneLicenceClient is OneLicenceClient is OneLicenseClient


def test_a_program_that_may_not_go_on_ends_with_the_reason():
    done = python("-c", "import onelicense; onelicense.stop_program(onelicense.Verdict.of('revoked', 'yesterday')); print('on')")
    assert done.returncode == 1 and done.stdout == ""
    assert "revoked: yesterday" in done.stderr and "contact" in done.stderr.lower()


def test_stopping_works_in_a_background_thread():
    """An exception there would end the thread only."""
    code = """if True:
        import threading, onelicense
        threading.Thread(target=onelicense.stop_program, args=[onelicense.Verdict.of("revoked")]).start()
        threading.Event().wait()
    """
    assert python("-c", code).returncode == 1


def test_leaving_the_program_shuts_down():
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(PACKAGE / "tests")!r})
        from conftest import *
        from onelicense import OneLicenseClient
        def answer(event):
            print(event["type"])
            if event["type"] == "shutdown":
                return [{{"type": "save", "id": 1, "state": "last"}}, *willing(event)]
            return willing(event)
        storage = Memory(save=print)
        c = OneLicenseClient("http://localhost", *IDS.values(), engine=Script(answer), storage=storage)
    """
    done = python("-c", code)
    assert (done.returncode, done.stdout.split()) == (0, ["start", "shutdown", "last", "saved"]), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_no_client(tmp_path):
    script = Script(willing)
    make = lambda: OneLicenseClient("http://localhost", *IDS.values(), engine=script, storage=tmp_path)  # noqa: E731
    parent = make()
    asked = len(script.calls)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        codes = []
        for call in (parent.consume, parent.sync, parent.status, lambda: codes.append(parent.shutdown().code), make):
            try:
                call()
            except LicenseError as e:
                codes.append(e.code)
        codes.append(str(len(script.calls) - asked))
        os.write(write, " ".join(codes).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as f:
        # A new one in the child finds the storage taken, having asked its own module about the settings.
        assert f.read().split() == ["not_running"] * 4 + ["in_use", "1"]
    parent.sync()
    parent.shutdown()
    make().shutdown()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("end", ["shutdown", "crash"])
def test_a_child_that_outlives_its_parent_does_not_keep_the_storage(tmp_path, end):
    one = OneLicenseClient("http://localhost", *IDS.values(), engine=Script(willing), storage=tmp_path)
    ready, ready_ = os.pipe()
    done_, done = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(done)
        os.write(ready_, b".")
        os.read(done_, 1)  # until the test is done
        os._exit(0)
    os.close(done_)
    if end == "shutdown":
        one.shutdown()
    else:
        os.read(ready, 1)
        os.close(one._host._storage._lock)  # as the system does when a process ends
        one._host._storage._lock = None
    onelicense.storage.Directory(tmp_path).open()
    os.close(done)
    os.waitpid(child, 0)
    one.shutdown()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_the_module_works_in_a_forked_process():
    onelicense.engine.DEFAULT.open().close()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with pytest.raises(LicenseError, match="keyring"):
                onelicense.root("none")
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_an_error_has_all_of_its_verdict():
    v = Verdict.read(
        {
            "ok": False,
            "code": "no_slots",
            "class": "transient",
            "allow_continue": False,
            "message": "m",
            "do": "d",
            "license": "l",
            "context": "c",
            "entitlement": "e",
            "retry_at": 1_700_000_000_500,
            "file": "f",
            "detail": "x",
            "a_later_one": 1,
        }
    )
    e = LicenseError(v)
    assert (e.ok, e.code, e.cls, e.allow_continue, e.message, e.do) == (False, "no_slots", "transient", False, "m", "d")
    assert (e.license, e.context, e.entitlement, e.file, e.detail) == ("l", "c", "e", "f", "x")
    assert e.retry_at.timestamp() == 1_700_000_000.5
    assert str(e) == "m (no_slots: x) What to do: d."
    assert pickle.loads(pickle.dumps(e)).verdict == v
    with pytest.raises(AttributeError):
        e.nothing


def test_a_code_of_a_newer_server_does_not_allow_to_continue():
    v = Verdict.of("from_the_future")
    assert (v.ok, v.allow_continue, v.cls) == (False, False, "transient")


def test_the_table_is_that_of_the_specification():
    import json

    rows = json.loads((ROOT / "spec" / "verdicts.json").read_text())
    constants = {v.code: (v.cls, v.allow_continue) for v in verdicts.VERDICTS.values()}
    assert {r["code"]: (r["class"], r["allow_continue"]) for r in rows} == constants


def test_no_thread_is_left():
    before = set(threading.enumerate())
    with OneLicenseClient("http://localhost", *IDS.values(), engine=Script(willing), storage=Memory()):
        assert {t.name for t in set(threading.enumerate()) - before} == {"onelicense"}
    assert set(threading.enumerate()) == before
