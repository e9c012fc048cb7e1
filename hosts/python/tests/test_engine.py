"""The module in wasmtime: pinned, private, confined."""

import hashlib
import os
import stat

import pytest
import wasmtime

from conftest import ROOT
from onelicense import LicenseError, engine, instance, module_hash
from onelicense import module_cache

VECTORS = ROOT / "spec" / "vectors" / "license"


def compiled(cache):
    return next(cache.glob("client-*.bin"))


def works(e):
    one = e.open()
    reply = one.call({"op": "root", "keys": (VECTORS / "product.asc").read_text()})
    one.close()
    return reply["root"] == "04FB85B5137184B55A65A2EDF5ACC4D8AD86E468"


@pytest.fixture
def cache(tmp_path, home):
    """A private cache that holds what the session has compiled already."""
    engine.DEFAULT.open().close()
    (kept,) = home.glob("*/onelicense/client-*.bin")
    private = tmp_path / "cache"
    private.mkdir(mode=0o700)
    os.link(kept, private / kept.name)
    return private


def no_compiler(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("it was compiled again")

    monkeypatch.setattr(wasmtime.Module, "__init__", refuse)


# proves N01
def test_the_module_is_the_one_that_is_pinned():
    assert hashlib.sha256(engine.MODULE.read_bytes()).hexdigest() == module_hash.SHA256


def test_another_module_is_refused(tmp_path):
    other = tmp_path / "client.wasm"
    other.write_bytes(engine.MODULE.read_bytes() + b"\0")
    with pytest.raises(LicenseError) as e:
        engine.Wasmtime(other, cache=tmp_path).open()
    assert e.value.code == "module_mismatch" and module_hash.SHA256 in e.value.detail and "make wasm" in e.value.detail


def test_a_missing_module_is_explained(tmp_path):
    with pytest.raises(LicenseError, match="make wasm"):
        engine.Wasmtime(tmp_path / "client.wasm", cache=tmp_path).open()


def test_what_was_compiled_is_kept(cache, monkeypatch):
    no_compiler(monkeypatch)
    assert works(engine.Wasmtime(cache=cache))
    name = compiled(cache).name
    assert module_hash.SHA256 in name and "wasmtime-50" in name
    assert stat.S_IMODE(compiled(cache).stat().st_mode) == 0o600


@pytest.mark.parametrize("spoil", ["shorter", "other", "readable", "link", "directory"])
def test_machine_code_of_others_is_not_run(cache, tmp_path, spoil):
    kept = compiled(cache)
    code = kept.read_bytes()
    kept.unlink()
    if spoil == "shorter":
        code = code[:-1]
    if spoil == "other":
        code = code[:-1] + bytes([code[-1] ^ 1])
    target = tmp_path / "elsewhere" if spoil == "link" else kept
    target.write_bytes(code)
    target.chmod(0o644 if spoil == "readable" else 0o600)
    if spoil == "link":
        kept.symlink_to(target)
    if spoil == "directory":
        cache.chmod(0o777)
    assert module_cache.load(wasmtime.Engine(), kept) is None


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    module_cache.store(None, tmp_path / "file" / "x")
    assert module_cache.load(wasmtime.Engine(), tmp_path / "file" / "x") is None


def test_old_ones_are_removed(cache):
    old, young = cache / "client-0.bin", cache / "client-1.bin"
    for path in (old, young):
        path.write_text("")
    os.utime(old, (0, 0))
    module_cache.prune(compiled(cache))
    assert not old.exists() and young.exists()


def test_the_module_is_given_nothing():
    """Its imports are answered by wasmtime's own WASI, without files, arguments or environment."""
    engine.DEFAULT.open().close()
    imports = engine.DEFAULT._compiled[1].imports
    assert {i.module for i in imports} == {"wasi_snapshot_preview1"}
    assert not any(i.name.startswith(("path_", "sock_")) for i in imports)


def small(body):
    """An engine of a little module, in place of the real one."""
    e = wasmtime.Engine()
    text = f"""(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 16) "panic: index out of range\\0agoroutine 1")
      (func (export "_initialize"))
      (func (export "abi_version") (result i32) i32.const {{abi}})
      (func (export "alloc") (param i32) (result i32) i32.const 1024)
      (func (export "free") (param i32))
      (func (export "consume") (param i32 i32 f64) (result i32) unreachable)
      (func (export "call") (param i32 i32) (result i32) {body}))"""
    return lambda abi=1: instance.Running(e, wasmtime.Module(e, text.format(abi=abi)))


def test_a_trap_breaks_the_instance_and_says_what_the_module_said():
    say = (
        "(i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 38)) "
        "(drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))"
    )
    one = small(say + " unreachable")()
    with pytest.raises(engine.Broken) as e:
        one.call({})
    assert str(e.value) == "panic: index out of range"
    with pytest.raises(engine.Broken):
        one.consume(1, 1, 0.0)


@pytest.mark.parametrize("body", ["i32.const 0", "i32.const 65535", "i32.const -1"])
def test_an_answer_that_is_none_breaks_the_instance(body):
    with pytest.raises(engine.Broken):
        small(body)().call({})


@pytest.mark.parametrize("more, outcome", [(0, "not JSON"), (1, "unreachable")])
def test_memory_is_limited(more, outcome):
    """It has one page to begin with, and may have as many as make 64 MiB."""
    grow = f"(memory.grow (i32.const {(instance.MEMORY >> 16) - 1 + more}))"
    one = small(f"(if (result i32) (i32.eq {grow} (i32.const -1)) (then unreachable) (else i32.const 0))")()
    with pytest.raises(engine.Broken, match=outcome):
        one.call({})


def test_another_language_of_calls_is_refused():
    with pytest.raises(LicenseError, match="module_mismatch"):
        small("i32.const 0")(abi=2)


def test_a_call_that_is_too_large_is_refused_and_breaks_nothing():
    one = engine.DEFAULT.open()
    with pytest.raises(LicenseError, match="bad_call"):
        one.call({"op": "root", "keys": "x" * (4 << 20)})
    assert "error" in one.call({"op": "root", "keys": "x"})
    one.close()
    one.close()
    with pytest.raises(engine.Broken):
        one.call({})
