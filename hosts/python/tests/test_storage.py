"""The state on the disk: private, whole, and held by one."""

import os
import stat

import pytest

from conftest import python
from onelicense import LicenseError, atomic_file
from onelicense.storage import MAX_STATE, Directory


@pytest.fixture
def opened(tmp_path):
    d = Directory(tmp_path / "a" / "b")
    d.open()
    yield d
    d.close()


# proves C18
def test_what_is_saved_comes_back(tmp_path, opened):
    assert opened.load() == ""
    opened.save("one")
    opened.save("two ✓")
    opened.close()
    again = Directory(opened.path)
    again.open()
    assert again.load() == "two ✓"
    again.close()


def test_nobody_else_can_read_it(opened):
    opened.save("secret")
    mode = lambda p: stat.S_IMODE(os.stat(p).st_mode)  # noqa: E731
    assert mode(opened.path) == 0o700
    assert mode(opened.path / "state") == mode(opened.path / "lock") == 0o600


def test_a_second_one_is_refused(opened):
    with pytest.raises(LicenseError) as e:
        Directory(opened.path).open()
    assert e.value.code == "in_use" and str(opened.path) in e.value.detail


def test_a_second_process_is_refused(opened):
    code = "import sys; from onelicense.storage import Directory; Directory(sys.argv[1]).open()"
    assert "in_use" in python("-c", code, str(opened.path)).stderr


def test_closing_lets_the_next_in(opened):
    opened.close()
    opened.close()
    next_one = Directory(opened.path)
    next_one.open()
    next_one.close()


def test_a_failed_save_leaves_the_old_state(opened, monkeypatch):
    opened.save("old")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_file.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        opened.save("new")
    assert opened.load() == "old"
    assert sorted(os.listdir(opened.path)) == ["lock", "state"]


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LicenseError) as e:
        Directory(tmp_path / "file" / "x").open()
    assert e.value.code == "storage_failed"


def test_a_directory_that_cannot_be_written(tmp_path):
    if os.geteuid() == 0:
        # Root may write everywhere: /proc has directories where nobody can.
        d = Directory("/proc/self")
    else:
        tmp_path.chmod(0o500)
        d = Directory(tmp_path)
    with pytest.raises(LicenseError) as e:
        d.open()
    assert e.value.code == "storage_failed"


def test_a_state_that_is_none(opened):
    (opened.path / "state").write_bytes(b"x" * (MAX_STATE + 1))
    with pytest.raises(LicenseError) as e:
        opened.load()
    assert e.value.code == "storage_failed"
    (opened.path / "state").write_bytes(b"\xff")
    assert opened.load() == "\ufffd"


def test_the_lock_file_may_not_be_a_link(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LicenseError) as e:
        Directory(tmp_path).open()
    assert e.value.code == "storage_failed" and not (tmp_path / "elsewhere").exists()
