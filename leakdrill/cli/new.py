"""The beginnings of an attack of one's own: its module, its test, and a scenario that plays it."""

import re
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from leakdrill.errors import ScenarioError

MODULE = Template('''"""An attack of my own."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.base import SHADOW_EXAMPLES, SOURCE_SCORES, Access, Attack, Verdict, View
from leakdrill.data.examples import Examples


class $title(Attack):
    """In if the model is surer of the label than it is for most who are out (after Yeom et al. 2018, section 3.3)."""

    kind: Literal["$name"] = "$name"
    false_positive_rate: float = 0.1

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset({SHADOW_EXAMPLES, SOURCE_SCORES})

    def run(self, view: View) -> Verdict:
        own = view.shadow_pools()[1]  # the adversary's, of whom it knows that they are not members
        threshold = np.quantile(sureness(view, own), 1 - self.false_positive_rate)
        scores = sureness(view, view.challenge) - threshold
        return Verdict(scores, scores > 0)


def sureness(view: View, examples: Examples) -> NDArray[np.float64]:
    """(N,): the score that the model under attack gives the true label."""
    answers = view.victim.query(examples.inputs, "scores").astype(np.float64)
    return answers[np.arange(len(examples)), examples.labels]
''')

TEST = Template('''"""What every attack owes, on $name; add what it promises beside that."""

from leakdrill.contract.attack import *
from leakdrill.contract.attack import Case
from $name import $title

CASES = {"$name": Case($title())}
''')

SCENARIO = Template("""question: Does $name find the members of a small network's training set?
seed: 7
data:
  set: digits
  image_size: 16
  splits: {source_train: 20, source_test: 20, source_validation: 5, shadow_train: 30, shadow_test: 30}
cbig:
  source_model:
    arch: {kind: resnet8, width: 8}
    fit: {epochs: 15, batch_size: 32}
    keep: last
timeline:
  - train_source
  - attack: {kind: gap}
  - attack: {kind: ./$name.py:$title}
expect:
  - {claim: the attack does better than a guess, that: $name.auc > 0.5}
""")

new = typer.Typer(help="Begin something of your own.", no_args_is_help=True)


@new.callback()
def _new() -> None:
    """Begin something of your own."""


@new.command()
def attack(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What scenarios call it, such as loss_threshold.")],
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where its files go; default: here.")] = Path(),
) -> None:
    """Write the module of a small attack that works, its test, and a scenario that plays it.

    \b
    leakdrill new attack loss_threshold
    """
    from leakdrill.attacks import ATTACK_KINDS

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ScenarioError(f"an attack cannot be called {name!r}: begin with a small letter, then a-z, 0-9 and _")
    if name in ATTACK_KINDS.own:
        raise ScenarioError(f"there is an attack {name!r} already: choose another name")
    values = {"name": name, "title": "".join(part.capitalize() for part in name.split("_"))}
    files = {f"{name}.py": MODULE, f"test_{name}.py": TEST, f"{name}.yaml": SCENARIO}
    if there := [file for file in files if (folder / file).exists()]:
        raise ScenarioError(f"{folder / there[0]} exists: choose another name, or another --dir")
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_text(content.substitute(values))
        typer.echo(folder / file)
    typer.echo(f"\nnext: pytest {folder / f'test_{name}.py'}\n      leakdrill run {folder / f'{name}.yaml'}")
