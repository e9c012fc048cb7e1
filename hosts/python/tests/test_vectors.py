"""The vectors of spec/vectors: every host gives the same verdict on every file, and the same bytes to every call."""

import gzip
import json
from datetime import datetime

import pytest

from conftest import ROOT, FixedClock
from onelicense import LicenseError, engine, verify

LICENSES = ROOT / "spec" / "vectors" / "license"
STORIES = sorted((ROOT / "spec" / "vectors" / "client").glob("*.json.gz"))


def cases():
    return [pytest.param(v, id=v["name"]) for v in json.loads((LICENSES / "vectors.json").read_text())]


# proves L03, L04, L05, L22, N01
@pytest.mark.parametrize("case", cases())
def test_license_file(case):
    now = round(datetime.fromisoformat(case["now"].replace("Z", "+00:00")).timestamp() * 1000)
    keyring = (LICENSES / case["keyring"]).read_text()
    try:
        found = verify(LICENSES / case["file"], keyring, clock=FixedClock(now))
    except LicenseError as e:
        assert e.code == case["code"], e
        assert e.message and e.do
        return
    assert case["code"] == "ok"
    assert found.id == case["claims"]["id"]
    assert list(found.contexts) == case["claims"]["contexts"]
    assert found.entitlements == {e["name"]: e.get("slots") for e in case["claims"]["entitlements"]}
    assert (found.key, found.root) == (case["key"], case["root"])
    assert found.signed == datetime.fromisoformat(case["created"].replace("Z", "+00:00"))


# proves part of N11
@pytest.mark.parametrize("path", STORIES, ids=lambda p: p.name[: -len(".json.gz")])
def test_story(path):
    for run in json.loads(gzip.decompress(path.read_bytes()))["runs"]:
        instance = engine.DEFAULT.open()
        for i, step in enumerate(run):
            if "call" in step:
                assert instance.exchange(step["call"].encode()) == step["reply"].encode(), f"exchange {i}"
            else:
                assert instance.consume(**step["consume"]) == step.get("answer", 0), f"exchange {i}"
        instance.close()
