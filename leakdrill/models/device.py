"""Where this process computes: on one device, which the party's part of the scenario names.

Weights and examples rest on the CPU, so that files, digests and what travels are the same wherever they were made. A
network is brought to the device while it works there (`at_work`), with the batches that it is given.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import torch
from pydantic import AfterValidator
from torch import nn

from leakdrill.errors import ScenarioError

AUTO = "auto"  # the first of these that is there: cuda, mps, cpu
_NAME = re.compile(r"auto|cpu|mps(:0)?|cuda(:\d{1,3})?")
_FIRST = {"cuda": "cuda:0", "mps": "mps:0"}
#: What PyTorch says, on the CPU and on Apple's GPUs, where it has no error of a kind of its own.
_OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


def _known(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"got {name!r}, wanted auto, cpu, cuda, cuda:N or mps")
    return name


#: As a scenario names it: auto, cpu, cuda, cuda:N or mps.
DeviceName = Annotated[str, AfterValidator(_known)]

_CPU = torch.device("cpu")
_current = _CPU


def current() -> torch.device:
    return _current


def present() -> list[str]:
    """By the names that `choose` takes, the fastest first."""
    cuda = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [*cuda, *(["mps:0"] if torch.backends.mps.is_available() else []), "cpu"]


def choose(name: str, asked_by: str = "device") -> None:
    """From now on this process computes there. Raises ScenarioError for a device that it does not have."""
    global _current
    here = present()
    wanted = here[0] if name == AUTO else _FIRST.get(name, name)
    if wanted not in here:
        raise ScenarioError(f"{asked_by} is {name}, but this process has only {', '.join(here)}: choose one, or auto")
    if wanted.startswith("cuda"):
        _compute_repeatably()
    _current = torch.device(wanted)


def described() -> str:
    """For people: "cuda:0 (NVIDIA A100-SXM4-40GB)"."""
    return f"{_current} ({torch.cuda.get_device_name(_current)})" if _current.type == "cuda" else str(_current)


@contextmanager
def at_work(*networks: nn.Module, lower: str) -> Iterator[torch.device]:
    """The networks on the device for a while; afterwards those that were not there before are on the CPU again.

    `lower` names the settings that take memory, for the ScenarioError that is raised when there is not enough.
    """
    brought = [network for network in networks if not is_there(network)]
    try:
        for network in brought:
            network.to(_current)
        yield _current
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is the former
        if not is_out_of_memory(error):
            raise
        reason = str(error).partition("\n")[0][:200]
        raise ScenarioError(
            f"out of memory on {described()}: lower {lower}, or choose another device ({reason})"
        ) from None
    finally:
        for network in brought:
            network.to(_CPU)


def is_there(network: nn.Module) -> bool:
    """Whether all of it is on the device."""
    return all(tensor.device == _current for tensors in (network.parameters(), network.buffers()) for tensor in tensors)


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))


def _compute_repeatably() -> None:
    """The same bits for the same seed, as far as CUDA has such algorithms, and single precision where it is asked for.

    The environment variable is cuBLAS's, and read when the device is first used.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
