"""License files with the real module, and a scripted one where a server would have to answer."""

import os

import pytest

from conftest import IDS, ROOT, Deaf, FixedClock, Memory, Script, notify, willing
from onelicense import File, LicenseError, Licensing, files, initialize, root, verify, verify_receipt

VECTORS = ROOT / "spec" / "vectors" / "license"
KEYRING = (VECTORS / "product.asc").read_text()
VALUES = {"server_url": "http://localhost/api/v1", "product_id": IDS["product_id"], "version_id": IDS["version_id"], "keyring": KEYRING}
NOW = FixedClock(1_735_862_400_000)  # 2025-01-03


@pytest.fixture
def licensing():
    made = []

    def make(directory, **more):
        settings = {"transport": Deaf(), "storage": Memory(), "clock": NOW, **VALUES, **more}
        made.append(initialize(directory, **settings))
        return made[-1]

    yield make
    for one in made:
        one.shutdown()


def fill(directory, *names):
    for name in names:
        (directory / name).write_bytes((VECTORS / name).read_bytes())


# proves L02, L22, L04
def test_all_files_of_a_directory_are_loaded_and_bad_ones_named(tmp_path, licensing):
    fill(tmp_path, "plain.txt", "changed_line_2.txt", "huge.txt", "gnupg_sha1.txt")
    (tmp_path / "notes.md").write_text("not a license")
    (tmp_path / "OLD.TXT").write_text("not a license")
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    codes = {v["file"]: v["code"] for v in licensing(tmp_path).status()["files"]}
    assert codes.pop("huge.txt") == "file_too_large"
    assert codes.pop("changed_line_2.txt") == "signature_invalid"
    assert codes.pop("plain.txt") == "ok"
    assert codes.pop("folder.txt") == codes.pop("pipe.txt") == "file_unreadable"
    assert set(codes) == {"OLD.TXT", "gnupg_sha1.txt"} and "ok" not in codes.values()


# proves L02
def test_a_missing_and_an_empty_directory(tmp_path, licensing):
    for directory in (tmp_path, tmp_path / "missing"):
        one = licensing(directory)
        assert not one.status().get("files")
        error = one.reserve("ui", "rendering")
        assert error.code == "no_license"


# proves L06, L07, L08
def test_what_a_file_does_not_grant_is_refused_without_the_server(tmp_path, licensing):
    fill(tmp_path, "plain.txt")
    one = licensing(tmp_path)
    error = one.reserve("server", "rendering")
    assert (error.code, error.context, error.entitlement, error.allow_continue) == ("context_not_allowed", "server", "rendering", False)
    assert error.message and error.do
    assert one.reserve("ui", "teleport").code == "no_license"
    assert one.reserve("a b", "rendering").code == "bad_call"


# proves L18
def test_before_initialize_nothing_works():
    failed = []
    one = Licensing(**VALUES, on_failure=failed.append)
    assert one.reserve("ui", "rendering").code == "not_running"
    assert one.unreserve("ui", "rendering") is False
    assert one.check("ui", "rendering") is False and failed[0].code == "not_running"
    assert one.shutdown().code == "not_running"
    for call in (one.status, one.export_request, lambda: one.import_answer("x"), lambda: one.statistics({})):
        with pytest.raises(LicenseError, match="not_running"):
            call()


# proves L17
def test_after_shutdown_nothing_works(tmp_path, licensing):
    one = licensing(tmp_path)
    assert one.shutdown().ok
    error = one.reserve("ui", "rendering")
    assert (error.code, error.context, error.entitlement) == ("not_running", "ui", "rendering")
    assert one.shutdown().code == "not_running"


@pytest.mark.parametrize("name", ["keyring", "server_url", "product_id", "version_id"])
def test_a_missing_setting_is_named(tmp_path, name):
    with pytest.raises(LicenseError) as e:
        initialize(tmp_path, **{**VALUES, name: "", "storage": Memory()})
    assert (e.value.code, e.value.detail) == ("missing_setting", name)


def test_settings_that_do_not_belong_here(tmp_path):
    with pytest.raises(LicenseError, match="bad_setting"):
        initialize(tmp_path, **VALUES, license_id=IDS["license_id"])
    with pytest.raises(LicenseError, match="keyring_invalid"):
        initialize(tmp_path, **{**VALUES, "keyring": "none", "storage": Memory()})


def test_initialize_works_once(tmp_path, licensing):
    one = licensing(tmp_path)
    with pytest.raises(LicenseError, match="bad_call"):
        one.initialize(tmp_path)


# proves L16
def test_check_calls_the_handler_and_says_so(tmp_path, licensing):
    failed = []
    one = licensing(tmp_path, on_failure=failed.append)
    assert one.check("ui", "rendering") is False and one.check(None, "rendering") is False
    assert [(v.code, v.context, v.entitlement) for v in failed] == [("not_reserved", "ui", "rendering"), ("not_reserved", "", "rendering")]


def test_offline_excuses_nothing_that_check_refuses(tmp_path):
    failed = []
    script = Script(lambda event: [notify(event["call"], "lease_expired")] if event["type"] == "check" else willing(event))
    with initialize(tmp_path, **VALUES, engine=script, storage=Memory(), transport=Deaf(), offline=True, on_failure=failed.append) as one:
        assert one.check("ui", "rendering") is False
    assert [v.code for v in failed] == ["lease_expired"]


# proves L20, L09, L16
def test_loader_and_client_are_replaceable():
    class Loader:
        def load(self):
            return [File("a", b"x"), File("b", error="gone")]

    script = Script(willing)
    with initialize(Loader(), **VALUES, engine=script, storage=Memory(), transport=Deaf()) as one:
        assert script.events("files")[0]["files"] == [{"name": "a", "data": "eA=="}, {"name": "b", "error": "gone"}]
        assert one.reserve("ui", "rendering") is None
        assert one.check("ui", "rendering") and one.check(None, "rendering")
        assert one.unreserve("ui", "rendering") is True
    assert [e["context"] for e in script.events("check")] == ["ui", ""]
    assert (script.events("reserve")[0]["context"], script.events("release")[0]["entitlement"]) == ("ui", "rendering")
    assert len(script.events("shutdown")) == 1


# proves L15, L19
def test_refusals_come_back_as_they_are():
    def answer(event):
        if event["type"] == "reserve":
            return [notify(event["call"], "no_slots", detail="2 of 2", license=IDS["license_id"], context="ui", entitlement="x")]
        return [notify(event["call"], "not_reserved")] if event["type"] == "release" else willing(event)

    with initialize("nowhere", **VALUES, engine=Script(answer), storage=Memory()) as one:
        error = one.reserve("ui", "x")
        assert (error.code, error.license, error.context, error.entitlement) == ("no_slots", IDS["license_id"], "ui", "x")
        assert one.unreserve("ui", "x") is False


def test_the_files_go_into_a_new_module_when_one_breaks():
    from onelicense.engine import Broken

    broken = []

    def answer(event):
        if event["type"] == "reserve" and not broken:
            broken.append(1)
            raise Broken("unreachable")
        return willing(event)

    script = Script(answer)
    with initialize("nowhere", **VALUES, engine=script, storage=Memory()) as one:
        assert one.reserve("ui", "x").code == "internal"
        assert len(script.events("files")) == 2
        assert one.reserve("ui", "x") is None


def test_a_directory_of_more_than_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILES", 10)
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text("123456")
    found = files.Directory(tmp_path).load()
    assert [(f.name, bool(f.error)) for f in found] == [("a.txt", False), ("b.txt", True), ("c.txt", True)]


# proves L02
def test_lists_of_revoked_licenses_are_loaded_too(tmp_path, licensing):
    """By their names they are found, by their contents they are known."""
    fill(tmp_path, "plain.txt")
    statement = '{"type":"onelicense/statement/1"}\nnonsense\n'
    for name in ("revoked.list", "OLD.LIST", "list.txt"):
        (tmp_path / name).write_text(statement)
    (tmp_path / "plain.list").write_bytes((VECTORS / "plain.txt").read_bytes())
    (tmp_path / "revoked.json").write_text(statement)
    codes = {v["file"]: v["code"] for v in licensing(tmp_path).status()["files"]}
    assert codes.pop("plain.txt") == codes.pop("plain.list") == "ok"
    assert set(codes) == {"revoked.list", "OLD.LIST", "list.txt"}
    assert not any(code == "ok" or code.startswith("file_") for code in codes.values())


def test_a_list_may_be_larger_than_a_license_file(tmp_path):
    largest = files.MAX_LIST
    (tmp_path / "a.list").write_text("{" + "x" * largest)
    (tmp_path / "b.txt").write_text("x" * largest)
    a, b = files.Directory(tmp_path).load()
    assert (len(a.data), len(b.data)) == (largest + 1, files.MAX_FILE + 1)


def test_a_file_is_verified_with_a_list(tmp_path):
    class Asked:
        calls = []

        def open(self):
            return self

        def call(self, call):
            self.calls.append(call)
            return {"license": {"id": "", "contexts": [], "entitlements": [], "root": "", "key": "", "signed": 0}}

        def close(self):
            pass

    path = VECTORS / "plain.txt"
    (tmp_path / "newest.list").write_bytes("liste\u0301\n".encode())
    for given in (tmp_path / "newest.list", "liste\u0301\n".encode()):
        verify(path, KEYRING, list=given, engine=Asked())
        assert Asked.calls[-1]["list"] == "liste\u0301\n"
    verify(path, KEYRING, engine=Asked())
    assert "list" not in Asked.calls[-1]


def test_a_list_that_is_none_is_refused(tmp_path):
    path = VECTORS / "plain.txt"
    for given, code in (
        (b"", "statement_malformed"),
        (b"nonsense", "lease_malformed"),
        (path, "lease_malformed"),
        (tmp_path / "missing", "file_unreadable"),
    ):
        with pytest.raises(LicenseError) as e:
            verify(path, KEYRING, list=given)
        assert e.value.code == code, given


# proves part of N07
def test_what_is_no_receipt_is_refused():
    for given in ("", "nonsense", (VECTORS / "plain.txt").read_text()):
        with pytest.raises(LicenseError) as e:
            verify_receipt(given, KEYRING)
        assert e.value.code == "lease_malformed"
    with pytest.raises(LicenseError, match="keyring_invalid"):
        verify_receipt("", "none")


def test_verify_takes_bytes_and_paths():
    path = VECTORS / "plain.txt"
    assert verify(path.read_bytes(), KEYRING) == verify(path, KEYRING) == verify(str(path), KEYRING)
    with pytest.raises(LicenseError) as e:
        verify(VECTORS / "missing.txt", KEYRING)
    assert e.value.code == "file_unreadable" and e.value.file.endswith("missing.txt")
    with pytest.raises(LicenseError, match="keyring_invalid"):
        verify(path, "none")


def test_the_root_to_pin():
    assert root(KEYRING) == "04FB85B5137184B55A65A2EDF5ACC4D8AD86E468"
