"""Templates to one file: style, script and Vega inline, everything escaped, and a policy that lets nothing else run.

The page's content security policy names its own scripts by their hashes and forbids every connection, so that a word of
a scenario that slipped through the escaping could still neither run nor fetch anything.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup

from leakdrill.report.filters import FILTERS

_VEGA = "window.vegaEmbed = vegaEmbed;"  # all that the page's own script calls


def render(template: str, **context: Any) -> str:
    """The page that `template` makes of the context."""
    scripts = {"vega": _inline(_vega()), "page": _inline(_read("page.js"))}
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(_read("style.css")),
            scripts=scripts,
            policy=_policy(scripts),
            **context,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("leakdrill.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment


@cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script: bundled from what vl-convert brings along, in some seconds."""
    return vl_convert.javascript_bundle(_VEGA)


def _read(name: str) -> str:
    return files("leakdrill.report").joinpath("templates", name).read_text(encoding="utf-8")


def _inline(script: str) -> Markup:
    """As it may stand in a <script>: nothing in it ends the element."""
    return Markup(script.replace("</script", "<\\/script"))


def _policy(scripts: dict[str, Markup]) -> str:
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts.values())
    return (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
