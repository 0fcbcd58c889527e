import fcntl
import json
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from leakdrill.archs import ResNet8, build
from leakdrill.locks import locked
from leakdrill.models.cache import LOCKS, ModelCache, Weights

KEY = {"arch": {"kind": "resnet8"}, "seed": 1}


class Maker:
    """Counts how often it had to work."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> tuple[Weights, dict[str, Any]]:
        self.calls += 1
        return build(ResNet8(width=8), num_classes=2, seed=7).state_dict(), {"best_epoch": 3, "shape": (1, 2)}


def only_entry(root: Path) -> Path:
    (entry,) = entries(root)
    return entry


def entries(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.name != LOCKS]


def test_a_model_is_made_once_and_comes_back_bit_for_bit(tmp_path: Path) -> None:
    make = Maker()
    made, meta, from_cache = ModelCache(tmp_path / "new").get_or_make(KEY, make)
    again, meta_again, from_cache_again = ModelCache(tmp_path / "new").get_or_make(KEY, make)
    original, _ = make()
    assert (from_cache, from_cache_again, make.calls) == (False, True, 2)
    assert meta == meta_again == {"best_epoch": 3, "shape": [1, 2]}
    assert made.keys() == again.keys() == original.keys()
    assert all(torch.equal(made[name], original[name]) for name in original)
    assert all(torch.equal(again[name], original[name]) for name in original)


def test_the_key_is_what_it_says_not_how_it_is_ordered(tmp_path: Path) -> None:
    make, cache = Maker(), ModelCache(tmp_path)
    cache.get_or_make(KEY, make)
    assert cache.get_or_make(dict(reversed(KEY.items())), make)[2]
    assert not cache.get_or_make(KEY | {"seed": 2}, make)[2]
    assert make.calls == 2


def test_another_version_of_pytorch_makes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, cache = Maker(), ModelCache(tmp_path)
    cache.get_or_make(KEY, make)
    monkeypatch.setattr(torch, "__version__", "99.0")
    assert not cache.get_or_make(KEY, make)[2]


@pytest.mark.parametrize("damage", ["flip a bit", "truncate", "lose the weights", "garble the meta", "empty the meta"])
def test_a_damaged_entry_is_made_again_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    make, cache = Maker(), ModelCache(tmp_path)
    original, _, _ = cache.get_or_make(KEY, make)
    weights, meta = (only_entry(tmp_path) / name for name in ("weights.safetensors", "meta.json"))
    blob = bytearray(weights.read_bytes())
    blob[-1] ^= 1
    {
        "flip a bit": lambda: weights.write_bytes(blob),
        "truncate": lambda: weights.write_bytes(blob[:100]),
        "lose the weights": weights.unlink,
        "garble the meta": lambda: meta.write_bytes(b"\xff{"),
        "empty the meta": lambda: meta.write_text("[]"),
    }[damage]()
    with caplog.at_level(logging.WARNING):
        remade, _, from_cache = cache.get_or_make(KEY, make)
    assert not from_cache
    assert "damaged" in caplog.text
    assert all(torch.equal(remade[name], original[name]) for name in original)
    assert cache.get_or_make(KEY, make)[2]


def test_nothing_is_left_when_the_making_fails(tmp_path: Path) -> None:
    def fail() -> tuple[Weights, dict[str, Any]]:
        raise KeyboardInterrupt

    cache = ModelCache(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cache.get_or_make(KEY, fail)
    assert entries(tmp_path) == []


def test_of_several_that_want_the_same_model_at_once_one_makes_it(tmp_path: Path) -> None:
    make, together = Maker(), threading.Barrier(4)

    def get(_: int) -> bool:
        together.wait()
        return ModelCache(tmp_path).get_or_make(KEY, make)[2]

    with ThreadPoolExecutor(4) as pool:
        were_kept = list(pool.map(get, range(4)))
    assert sorted(were_kept) == [False, True, True, True]
    assert make.calls == 1


def test_the_lock_of_a_process_that_was_killed_holds_nobody_up(tmp_path: Path) -> None:
    lock = tmp_path / LOCKS / "model"
    hold = f"""
from pathlib import Path
from leakdrill.locks import locked
with locked(Path({str(lock)!r})):
    print("held", flush=True)
    input()
"""
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with lock.open("ab") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holder.kill()
        with locked(lock):  # the test's time limit is what it would fail by
            pass


def test_an_entry_says_what_made_it_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    ModelCache(tmp_path).get_or_make(KEY, Maker())
    entry = only_entry(tmp_path)
    assert json.loads((entry / "meta.json").read_text())["made_of"] == KEY | {"torch": torch.__version__}
    assert entry.stat().st_mode & 0o077 == 0
