"""What is shipped."""

import hashlib
import subprocess
import sys
import zipfile

import pytest

import onelicense
from conftest import PACKAGE, python
from onelicense import module_hash


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("setuptools", "77")  # the first that reads this pyproject.toml
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "one_license_client.py"):
        (source / name).write_bytes((PACKAGE / name).read_bytes())
    (source / "onelicense").mkdir()
    for path in (PACKAGE / "onelicense").iterdir():
        if path.is_file():
            (source / "onelicense" / path.name).write_bytes(path.read_bytes())
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(target.glob("onelicense-*.whl"))


def test_the_wheel_has_the_version_that_the_server_is_told(wheel):
    assert wheel.name.startswith(f"onelicense-{onelicense.__version__}-")


# proves N01
def test_the_module_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as z:
        assert hashlib.sha256(z.read("onelicense/client.wasm")).hexdigest() == module_hash.SHA256
        names = set(z.namelist())
    assert {"one_license_client.py", "onelicense/py.typed", "onelicense/verdicts.py"} <= names
    assert not any(n.startswith(("tests", "tools")) or n == "demo.py" for n in names)


def test_the_wheel_works_by_itself(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as z:
        z.extractall(tmp_path)
    code = "import one_license_client, onelicense.engine as e; e.DEFAULT.open().close(); print(e.__file__)"
    done = python("-c", code, env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path)
    assert done.stdout.startswith(str(tmp_path)), done.stderr
