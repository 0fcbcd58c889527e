"""Trained models kept by the hash of everything that made them, so that a resumed run trains nothing twice."""

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from leakdrill.locks import locked
from leakdrill.models.device import current

log = logging.getLogger(__name__)

LOCKS = ".locks"

Weights = dict[str, torch.Tensor]
Meta = dict[str, Any]


class ModelCache:
    """A folder with a folder for each model: weights.safetensors, and meta.json, which also says what made it.

    Several processes may share it: while one makes a model, others that want it wait for it (.locks/).
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __contains__(self, key: dict[str, Any]) -> bool:
        """Whether there is an entry, damaged or not."""
        return self._entry(_made_of(key)).exists()

    def get_or_make(self, key: dict[str, Any], make: Callable[[], tuple[Weights, Meta]]) -> tuple[Weights, Meta, bool]:
        """The weights and meta of the model that `key` makes, and whether they were kept from before.

        `key` is JSON-able and holds all that makes the model, but for PyTorch's version and the device, which are added
        here. Without an entry, or with a damaged one, `make` is called; an entry is written whole or, if anything
        fails, not at all.
        """
        made_of = _made_of(key)
        entry = self._entry(made_of)
        with locked(self._root / LOCKS / entry.name):
            if (kept := _read(entry)) is not None:
                return *kept, True
            weights, meta = make()
            # contiguous: safetensors refuses channels-last strides
            blob = save({name: tensor.detach().contiguous() for name, tensor in weights.items()})
            record = {"made_of": made_of, "meta": meta, "weights_sha256": hashlib.sha256(blob).hexdigest()}
            _write(entry, blob, _canonical(record))
        return load(blob), json.loads(_canonical(meta)), False

    def _entry(self, made_of: dict[str, Any]) -> Path:
        return self._root / hashlib.sha256(_canonical(made_of)).hexdigest()


def _made_of(key: dict[str, Any]) -> dict[str, Any]:
    device = {} if current().type == "cpu" else {"device": current().type}  # other bits
    return {**key, "torch": torch.__version__, **device}


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()


def _read(entry: Path) -> tuple[Weights, Meta] | None:
    """The kept model; None if there is none or it is not what was written, in which case the entry is removed."""
    if not entry.exists():
        return None
    try:
        blob = (entry / "weights.safetensors").read_bytes()
        record = json.loads((entry / "meta.json").read_bytes())
        if hashlib.sha256(blob).hexdigest() != record["weights_sha256"]:
            raise ValueError("the weights are not those that were written")
        return load(blob), record["meta"]
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        log.warning("the kept model %s is damaged and will be made again: %s", entry, error)
        shutil.rmtree(entry)
        return None


def _write(entry: Path, blob: bytes, record: bytes) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=entry.parent) as scratch:
        part = Path(scratch) / entry.name
        part.mkdir(mode=0o700)  # a party's models are its own
        (part / "weights.safetensors").write_bytes(blob)
        (part / "meta.json").write_bytes(record)
        part.rename(entry)
