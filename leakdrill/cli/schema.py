"""The JSON schema of a scenario, which editors complete keys with."""

import json

import typer


def schema() -> None:
    """Print the JSON schema of a scenario, for an editor to complete keys and to show what they are for.

    \b
    leakdrill schema > scenario.schema.json
    """
    from leakdrill.scenario.json_schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=1, ensure_ascii=False))
