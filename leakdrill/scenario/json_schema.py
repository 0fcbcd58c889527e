"""The JSON schema of a scenario as people write it, for editors: its keys, what they take, what they are for.

It is pydantic's, but for the places where the YAML is shorter than what it is read as: a data set's keys stand beside
those of `data`, a step is its name or a mapping with one key, and a few values have a short form.
"""

from typing import Any, get_args

from leakdrill.scenario.data import Data
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import PlainStep

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def json_schema() -> Schema:
    schema = Scenario.model_json_schema()
    parts: Schema = schema["$defs"]
    parts["Data"] = _data(parts)
    schema["properties"]["timeline"]["items"] = _step(parts)
    parts["Breach"]["properties"]["fidelity"] = {
        "anyOf": [{"const": "full"}, {"$ref": "#/$defs/Fidelity"}],
        "description": "full, or how good a copy leaks",
    }
    for model in ("SourceModel", "TargetModel"):
        _with_builder(parts[model]["properties"], parts["Own"]["properties"])
    return {"$schema": DIALECT, "title": "A leakdrill scenario"} | {k: v for k, v in schema.items() if k != "title"}


def _with_builder(model: Schema, own: Schema) -> None:
    """A model's builder by its name alone, and its preprocessing beside it."""
    named = {"type": "string", "pattern": ":", "description": "./model.py:build, the builder of a model of your own"}
    model["arch"] = {"anyOf": [model["arch"], named]}
    shown = ("mean", "std")
    model["preprocessing"] = {
        "type": "object",
        "description": "of an own model's images in [0, 1]",
        "properties": {key: own[key] for key in shown},
        "required": list(shown),
        "additionalProperties": False,
    }


def _data(parts: Schema) -> Schema:
    """One variant for each data set, with its keys beside those of every data set."""
    own, sets = parts["Data"], parts["Data"]["properties"]["dataset"]
    shared = {key: value for key, value in own["properties"].items() if key != "dataset"}
    required = [key for key in own["required"] if key != "dataset"]
    variants = []
    for variant in sets["oneOf"]:
        keys = parts[variant["$ref"].rpartition("/")[2]] if "$ref" in variant else variant
        variants.append(
            {
                "type": "object",
                "properties": {**keys["properties"], **shared},
                "required": [*keys.get("required", []), *required],
                "additionalProperties": keys.get("additionalProperties", True),
            }
        )
    return {"description": Data.__doc__, "anyOf": variants}


def _step(parts: Schema) -> Schema:
    names = list(get_args(PlainStep.model_fields["step"].annotation))
    contents = {name: parts[f"{name.capitalize()}Step"]["properties"][name] for name in ("breach", "defend", "attack")}
    return {
        "anyOf": [
            {"enum": names},
            *(
                {"type": "object", "properties": {name: content}, "required": [name], "additionalProperties": False}
                for name, content in contents.items()
            ),
        ]
    }
