"""The base of everything a scenario can say: frozen, and unknown keys are errors."""

from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from leakdrill.errors import InvalidInput


class Spec(BaseModel):
    """A pydantic model whose fields are its YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


def from_json(kind: Any, text: str, what: str) -> Any:
    """`text` as a `kind` (a Spec or a union of them) that came over the wire. Raises InvalidInput naming `what`."""
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise InvalidInput(f"{what} is malformed: {error}") from error
