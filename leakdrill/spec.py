"""The base of everything a scenario can say: frozen, and unknown keys are errors."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A pydantic model whose fields are its YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
