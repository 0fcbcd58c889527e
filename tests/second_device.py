"""A second device for machines that have but one: it computes on the CPU, and refuses what a real one would refuse.

Its tensors call themselves "meta", hold their numbers on the CPU, and meet no tensor that is not theirs: what somebody
forgot to bring to the device, or back from it, is an error as it is with CUDA. (It shows that nothing is forgotten, not
that a GPU computes the same.)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from leakdrill.models import device

NAME = "meta"
_HERE = torch.device(NAME)
_MAY_MIX = {torch.ops.aten.copy_.default, torch.ops.aten.index.Tensor}  # as on a GPU: across devices, by CPU indices


@contextmanager
def chosen(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`name` as this process's device, and the CPU afterwards."""
    if name != NAME:
        device.choose(name)
        yield
        device.choose("cpu")
        return
    with monkeypatch.context() as patch, _Watch():
        patch.setattr(device, "present", lambda: [NAME, "cpu"])
        device.choose(NAME)
        yield
        device.choose("cpu")


class There(torch.Tensor):
    """A tensor of the second device."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "There":
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype, device=_HERE
        )
        made.held = held
        return made  # type: ignore[no-any-return]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Watch(TorchDispatchMode):
    """So that tensors can be made on the second device, and brought there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    own = [tensor for tensor in tensors if isinstance(tensor, There)]
    strangers = [tensor for tensor in tensors if not isinstance(tensor, There) and tensor.dim()]
    if own and strangers and func not in _MAY_MIX:
        raise RuntimeError(f"{func}: expected all tensors to be on the same device, found {NAME} and cpu")
    wanted = kwargs.get("device")
    is_there = bool(own) if wanted is None else torch.device(wanted) == _HERE
    if func is torch.ops.aten.copy_.default:
        is_there = isinstance(args[0], There)
    if wanted is not None:
        kwargs = kwargs | {"device": torch.device("cpu")}
    made = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    wrapped = {id(tensor.held): tensor for tensor in own}  # what an operation in place gives back

    def wrap(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or not is_there:
            return value
        return wrapped[id(value)] if id(value) in wrapped else There(value)

    return tree_map(wrap, made)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, There) else value
