"""What a result depends on beside its scenario: versions, commit, machine."""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from leakdrill import plugins

PACKAGES = ("leakdrill", "torch", "torchvision", "numpy", "scikit-learn", "grpcio", "protobuf", "safetensors")


def environment(scenario_json: str | None = None, devices: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`scenario_json`: of the scenario that was played, if one was; plug-ins of others are left out. `devices`: where
    each party computed."""
    return {
        "versions": {"python": platform.python_version()} | {package: version(package) for package in PACKAGES},
        "commit": _commit(),
        "platform": platform.platform(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "num_cores": os.cpu_count(),
        "devices": dict(devices or {}),
        "threads_per_party": 1,
    } | ({"plugins": loaded} if (loaded := plugins.digests(scenario_json)) else {})


def _commit() -> str | None:
    """The checkout's commit, with -dirty when it has changes; None outside a checkout."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None
