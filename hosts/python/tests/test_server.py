"""From end to end: programs against the real server."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

from conftest import PACKAGE, PATIENCE, python
from onelicense import LicenseError, OneLicenseClient, initialize, machine_parts, verify_receipt
from onelicense.clock import System
from onelicense.transport import HTTP
from vendor import Vendor, until


@pytest.fixture(scope="module")
def vendor(home, tmp_path_factory):
    one = Vendor(tmp_path_factory.mktemp("vendor"))
    yield one
    one.stop()


class Counting(HTTP):
    """The real transport, which counts."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def post(self, url, body, timeout):
        self.count += 1
        return super().post(url, body, timeout)


class Cut(HTTP):
    """The real transport, with a cable that can be cut."""

    working = True

    def post(self, url, body, timeout):
        if not self.working:
            raise OSError("the cable is cut")
        return super().post(url, body, timeout)


def carried(values, request):
    """The answer to a request that somebody carries to the server."""
    return HTTP().post(values["server_url"].partition("#")[0] + "/sync", request, PATIENCE).body


class Ahead(System):
    """The system's clock, so many ms ahead."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def now(self):
        return super().now() + self.by


def code(call, *arguments):
    with pytest.raises(LicenseError) as e:
        call(*arguments)
    return e.value.code


# proves C01, C09, C10, C14, S12
def test_counts_between_syncs(vendor, tmp_path):
    values, transport = vendor.license(), Counting()
    with OneLicenseClient(values, storage=tmp_path, transport=transport) as c:
        assert transport.count == 1
        for _ in range(3):
            c.consume()
        assert transport.count == 1 and vendor.used(values) == 0
        c.sync()
        assert vendor.used(values) == 3
        c.consume(2)
        assert code(c.consume) == "exhausted"
    assert vendor.used(values) == 5


# proves C14, C18
def test_a_restart_goes_on_where_it_was(vendor, tmp_path):
    values = vendor.license()
    with OneLicenseClient(values, storage=tmp_path) as c:
        c.consume(4)
        activation = c.status()["licenses"][0]["activation"]
    with OneLicenseClient(values, storage=tmp_path) as c:
        assert c.status()["licenses"][0]["activation"] == activation
        c.consume()
        assert code(c.consume) == "exhausted"
    assert vendor.used(values) == 5


# proves C14
def test_what_was_not_reported_goes_with_the_next_run(vendor, tmp_path):
    values, transport = vendor.license(), Cut()
    c = OneLicenseClient(values, storage=tmp_path, transport=transport)
    c.consume(3)
    transport.working = False
    assert not c.shutdown().ok
    assert vendor.used(values) == 0
    with OneLicenseClient(values, storage=tmp_path) as c:
        c.sync()
        assert vendor.used(values) == 3


# proves C08, S12
def test_each_call_asks_the_server(vendor, tmp_path):
    values = vendor.license({"trigger": "every_call"})
    with OneLicenseClient(values, storage=tmp_path) as c:
        for n in range(1, 6):
            c.consume()
            assert vendor.used(values) == n
        assert code(c.consume) == "exhausted"
    assert vendor.used(values) == 5


def test_calls_of_many_threads_are_all_counted(vendor, tmp_path):
    values = vendor.license(allowance=1000)
    with OneLicenseClient(values, storage=tmp_path) as c:
        threads = [threading.Thread(target=lambda: [c.consume() for _ in range(100)]) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(PATIENCE)
    assert vendor.used(values) == 400


# proves C04, C05
def test_usage_is_reported_by_itself(vendor, tmp_path):
    values = vendor.license({"interval_ms": 1_000, "grace_ms": 600_000})
    with OneLicenseClient(values, storage=tmp_path) as c:
        c.consume(2)
        until(lambda: vendor.used(values) == 2)


# proves C06
def test_a_license_that_ends_calls_the_handler(vendor, tmp_path):
    values, failed = vendor.license({"interval_ms": 1_000, "grace_ms": 600_000}), []
    ended = threading.Event()

    def stop(verdict):
        failed.append(verdict.code)
        ended.set()

    with OneLicenseClient(values, storage=tmp_path, on_failure=stop) as c:
        vendor.suspend(values)
        assert ended.wait(PATIENCE) and failed == ["suspended"]
        assert code(c.consume) == "suspended"


# proves C02, C06
def test_a_program_whose_license_ends_is_stopped(vendor, tmp_path):
    values = vendor.license({"interval_ms": 1_000, "grace_ms": 600_000})
    source = (
        f"import onelicense, threading; onelicense.OneLicenseClient({values!r}, storage={str(tmp_path)!r}); "
        "print('on', flush=True); threading.Event().wait()"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    with subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as p:
        assert p.stdout.readline() == "on\n"
        vendor.suspend(values)
        _, said = p.communicate(timeout=PATIENCE)
    assert p.returncode == 1 and "suspended" in said


# proves C02, S15
@pytest.mark.parametrize(
    "name, expected, detail",
    [
        ("product_id", "server_error", "unknown_product"),  # there is no key to sign that with
        ("version_id", "unknown_version", "has no version 000000000000000000000000"),
        ("license_id", "unknown_license", "has no license 000000000000000000000000"),
    ],
)
def test_a_wrong_id(vendor, tmp_path, name, expected, detail):
    with pytest.raises(LicenseError) as e:
        OneLicenseClient({**vendor.license(), name: "0" * 24}, storage=tmp_path)
    assert e.value.code == expected and detail in e.value.detail and not e.value.allow_continue


# proves C02, N03
def test_another_root_is_refused(vendor, tmp_path):
    values = {**vendor.license(), "server_url": vendor.site + "/api/v1#" + "A" * 40}
    assert code(lambda: OneLicenseClient(values, storage=tmp_path)) == "wrong_root"


# proves C03
def test_the_activation_delay_is_waited_for(vendor, tmp_path):
    values = vendor.license({"activation_delay_ms": 300})
    clock, answered = System(), []

    class Timed(HTTP):
        def post(self, url, body, timeout):
            answer = super().post(url, body, timeout)
            answered.append(clock.mono())
            return answer

    with OneLicenseClient(values, storage=tmp_path, transport=Timed(), clock=clock):
        assert clock.mono() - answered[0] >= 300


def test_two_programs_and_one_storage(vendor, tmp_path):
    values = vendor.license()
    with OneLicenseClient(values, storage=tmp_path):
        assert code(lambda: OneLicenseClient(values, storage=tmp_path)) == "in_use"


# proves L21
def test_one_slot_and_two_installations(vendor, tmp_path):
    values = vendor.license()
    with OneLicenseClient(values, storage=tmp_path / "a") as a, OneLicenseClient(values, storage=tmp_path / "b") as b:
        a.reserve("ui", "rendering")
        a.check("ui", "rendering")
        a.check(None, "rendering")
        assert code(b.reserve, "ui", "rendering") == "no_slots"
        assert code(b.check, "ui", "rendering") == "not_reserved"
        assert code(b.release, "ui", "rendering") == "not_reserved"
        assert code(b.reserve, "ui", "teleport") == "unknown_entitlement"
        a.release("ui", "rendering")
        a.sync()
        b.reserve("ui", "rendering")
        assert len(vendor.reservations(values)) == 1
    assert vendor.reservations(values) == []


# proves part of B03
def test_a_slot_is_borrowed(vendor, tmp_path):
    values = vendor.license({"max_borrow_ms": 86_400_000})
    with OneLicenseClient(values, storage=tmp_path / "a") as c:
        c.reserve("ui", "rendering", borrow=36_000)
        one = c.status()["licenses"][0]
        assert one["not_after"] < one["reservations"][0]["until"] <= System().now() + 36_000_000
        assert code(lambda: c.reserve("ui", "cam", borrow=-1)) == "bad_call"
        c.release("ui", "rendering")  # early
        c.sync()
        assert vendor.reservations(values) == []
    with OneLicenseClient(vendor.license(), storage=tmp_path / "b") as c:
        assert code(lambda: c.reserve("ui", "rendering", borrow=36_000)) == "borrow_not_allowed"


# proves C17
def test_statistics_are_told_when_the_policy_asks(vendor, tmp_path):
    for asks in (True, False):
        values = vendor.license({"statistics": asks})
        with OneLicenseClient(values, storage=tmp_path / str(asks), program="4.2", fingerprint=machine_parts()) as c:
            c.statistics({"documents": 2})
            c.statistics({"documents": 3, "failures": 0})
            for wrong in ({"a b": 1}, {"a": 1 << 53}, {f"n{n}": n for n in range(17)}):
                assert code(c.statistics, wrong) == "bad_call"
            c.sync()
            told = vendor.ask("GET", f"/licenses/{values['license_id']}/activations")["items"][0].get("statistics")
        if not asks:
            assert told is None
            continue
        assert (told["program"], told["numbers"]) == ("4.2", [{"name": "documents", "value": 3}, {"name": "failures", "value": 0}])
        assert told["host"].startswith("python/") and "/" in told["platform"]


# proves part of S23
def test_the_exchange_by_hand(vendor, tmp_path):
    values, transport = vendor.license(), Cut()
    with OneLicenseClient(values, storage=tmp_path, transport=transport) as c:
        transport.working = False
        c.consume(3)
        request = c.export_request()
        assert c.export_request() == request
        answer = carried(values, request)
        assert vendor.used(values) == 3
        assert code(c.import_answer, "nonsense") == "lease_malformed"
        assert code(c.import_answer, c.status()["licenses"][0]["receipt"]) == "lease_other_request"
        c.import_answer(answer.replace("\n", "\r\n"))  # as mail may bring it
        one = c.status()["licenses"][0]
        assert (one["verdict"]["code"], one["counters"]["counted"], one["pending"]) == ("ok", 3, 0)
        assert code(c.import_answer, answer) == "lease_other_request"
        transport.working = True


# proves part of S23
def test_a_machine_without_a_network_is_activated_by_hand(vendor, tmp_path):
    values, transport = vendor.license(), Cut()
    transport.working = False
    settings = {**values, "storage": tmp_path, "transport": transport}
    assert code(OneLicenseClient, settings) == "unreachable"
    with OneLicenseClient(settings, offline=True) as c:
        assert code(c.consume) == code(c.reserve, "ui", "rendering") == "unreachable"
        assert code(c.import_answer, "nonsense") == "lease_malformed"
        request = c.export_request()
    with OneLicenseClient(settings, offline=True) as c:  # days later
        assert c.export_request() == request
        c.import_answer(carried(values, request))
        c.consume(3)
        c.import_answer(carried(values, c.export_request()))
    assert vendor.used(values) == 3


# proves part of S23
def test_a_lease_that_has_run_out_is_renewed_by_hand(vendor, tmp_path):
    values, transport = vendor.license({"interval_ms": 60_000, "grace_ms": 0}), Cut()
    transport.working = False
    settings = {**values, "storage": tmp_path, "transport": transport, "offline": True}
    with OneLicenseClient(settings) as c:
        c.import_answer(carried(values, c.export_request()))
        c.consume(3)
    settings["clock"] = Ahead(120_000)
    assert code(OneLicenseClient, {**settings, "offline": False}) == "lease_expired"
    vendor.policy(values, interval_ms=3_600_000)
    with OneLicenseClient(settings) as c:
        assert code(c.consume) == c.status()["licenses"][0]["verdict"]["code"] == "lease_expired"
        c.import_answer(carried(values, c.export_request()))
        c.consume(2)
        c.import_answer(carried(values, c.export_request()))
    assert vendor.used(values) == 5


def test_an_offline_program_is_still_refused(vendor, tmp_path):
    values = vendor.license()
    vendor.suspend(values)
    assert code(lambda: OneLicenseClient(values, storage=tmp_path, offline=True)) == "suspended"
    transport = Cut()
    transport.working = False
    with OneLicenseClient(values, storage=tmp_path, offline=True, transport=transport, on_failure=lambda v: None) as c:
        assert code(c.import_answer, carried(values, c.export_request())) == "suspended"
    assert code(lambda: OneLicenseClient({**values, "version_id": ""}, offline=True)) == "missing_setting"


# proves part of S23
def test_the_readme_by_hand(vendor, tmp_path, monkeypatch):
    program = re.search(r"```python\n(from pathlib .*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL).group(1)
    values, transport = vendor.license(), Cut()
    transport.working = False

    def carry(prompt):
        (tmp_path / "answer.txt").write_text(carried(values, (tmp_path / "request.txt").read_text()))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.input", carry)
    scope = {"values": {**values, "storage": tmp_path / "state", "transport": transport}}
    exec(program, scope)
    monkeypatch.delattr("builtins.input")  # the second run needs nobody
    exec(program, scope)
    with OneLicenseClient(values, storage=tmp_path / "state") as c:
        c.sync()
    assert vendor.used(values) == 2


# proves part of S23
def test_a_machine_without_a_network_is_activated_by_hand_with_license_files(vendor, tmp_path):
    values, transport = vendor.license(), Cut()
    transport.working = False
    (tmp_path / "a.txt").write_text(vendor.file(values))
    settings = {**values, "keyring": vendor.keyring, "storage": tmp_path / "state", "transport": transport}
    del settings["license_id"]
    with initialize(tmp_path, **settings) as one:
        request = one.export_request()
    with initialize(tmp_path, **settings) as one:  # days later
        assert one.export_request() == request
        one.import_answer(carried(values, request))
        assert one.status()["licenses"][0]["verdict"]["code"] == "ok"


# proves part of N07
def test_a_receipt_is_checked_by_whoever_has_the_certificate(vendor, tmp_path):
    values = vendor.license()
    with OneLicenseClient(values, storage=tmp_path) as c:
        c.consume(3)
        c.sync()
        one = c.status()["licenses"][0]
    receipt = verify_receipt(one["receipt"], vendor.keyring)
    assert (receipt.product, receipt.license, receipt.activation) == (values["product_id"], values["license_id"], one["activation"])
    assert (receipt.generation, receipt.number, receipt.counters["counted"]) == (1, 2, 3)
    assert receipt.root == one_root(values) and receipt.time.tzinfo is not None
    assert code(verify_receipt, one["receipt"].replace('"counted":3', '"counted":2'), vendor.keyring) == "signature_invalid"


def one_root(values):
    return values["server_url"].partition("#")[2]


# proves C14
def test_deactivating_frees_the_machine(vendor, tmp_path):
    values = vendor.license({"max_machines": 1})
    with OneLicenseClient(values, storage=tmp_path / "a") as a:
        assert code(lambda: OneLicenseClient(values, storage=tmp_path / "b")) == "machine_limit"
        a.deactivate()
        OneLicenseClient(values, storage=tmp_path / "b").shutdown()


# proves L02, L07, L09, L10, L14, L15, L16, L17, L20
def test_license_files(vendor, tmp_path):
    values, transport = vendor.license(), Counting()
    licenses = tmp_path / "licenses"
    licenses.mkdir()
    (licenses / "a.txt").write_text(vendor.file(values))
    (licenses / "b.txt").write_text(vendor.file(values).replace("rendering:1", "rendering:9"))
    del values["license_id"]
    failed = []
    with initialize(
        licenses,
        **values,
        keyring=vendor.keyring,
        storage=tmp_path / "state",
        transport=transport,
        on_failure=lambda v: failed.append(v.code),
    ) as one:
        assert [v["code"] for v in one.status()["files"]] == ["ok", "signature_invalid"]
        assert transport.count == 0
        assert one.reserve("ui", "rendering") is None and transport.count == 1
        assert one.reserve("ui", "rendering") is None and one.reserve("automation", "rendering") is None and transport.count == 1
        assert one.check("ui", "rendering") and one.check(None, "rendering")
        assert one.reserve("server", "rendering").code == "context_not_allowed"
        assert one.unreserve("ui", "rendering") and one.unreserve("ui", "rendering")
        assert not one.unreserve("ui", "rendering")
        assert not one.check("ui", "rendering") and failed == ["not_reserved"]
        assert transport.count == 1
        assert one.unreserve("automation", "rendering")
        until(lambda: transport.count == 2)


def arguments(values, storage):
    names = {"server": "server_url", "product": "product_id", "version": "version_id", "license": "license_id"}
    return [x for name, key in names.items() for x in (f"--{name}", values[key])] + ["--storage", str(storage)]


def demo(values, storage, *steps):
    done = python(str(PACKAGE / "demo.py"), *arguments(values, storage), *steps)
    return done.returncode, done.stdout.splitlines()


def test_the_demo(vendor, tmp_path):
    values = vendor.license()
    steps = ("consume=3", "reserve=ui:rendering", "check=ui:rendering", "release=ui:rendering", "sync", "status", "shutdown")
    assert demo(values, tmp_path, *steps) == (
        0,
        ["consume\tok", "reserve\tok", "check\tok", "release\tok", "sync\tok", "status\tok", "shutdown\tok"],
    )
    assert vendor.used(values) == 3
    printed = ["consume\texhausted", "check\tnot_reserved", "sync\tok"]
    assert demo(values, tmp_path, "consume=3", "check=ui:rendering", "sync") == (1, printed)
    assert demo({**values, "license_id": "0" * 24}, tmp_path / "b", "sync") == (1, ["start\tunknown_license"])


def test_the_demo_holds_until_it_is_told(vendor, tmp_path):
    values = vendor.license()
    command = [sys.executable, str(PACKAGE / "demo.py"), *arguments(values, tmp_path), "reserve=ui:rendering", "hold", "sync"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout.readline() == "reserve\tok\n"
        assert len(vendor.reservations(values)) == 1
        out, _ = p.communicate("\n", PATIENCE)
    assert out.splitlines() == ["hold\tok", "sync\tok"] and p.returncode == 0
    assert vendor.reservations(values) == []


# proves C15
def test_the_demo_web_service(vendor, tmp_path):
    values = vendor.license({"trigger": "every_call"}, allowance=2)
    command = [sys.executable, str(PACKAGE / "demo.py"), *arguments(values, tmp_path), "--serve", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as p:
        address = p.stdout.readline().split()[-1]

        def get(path):
            try:
                with urllib.request.urlopen(address + path, timeout=PATIENCE) as answer:
                    return answer.status, json.loads(answer.read())
            except urllib.error.HTTPError as e:
                return e.code, json.loads(e.read())

        assert [get("/work")[0] for _ in range(2)] == [200, 200]
        status, body = get("/work")
        assert status == 403 and body["code"] == "exhausted" and body["do"]
        assert get("/")[0] == 200 and get("/elsewhere")[0] == 404
        p.terminate()
        assert p.wait(PATIENCE) == 0
    assert vendor.used(values) == 2
