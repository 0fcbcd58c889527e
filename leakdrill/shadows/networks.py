"""Shadow networks trained in parallel processes, and what each answers about its own training and test examples.

What a shadow answers depends on the seed and its number alone, not on how many workers there are.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch import nn

from leakdrill.data.digests import digest_of
from leakdrill.data.examples import Examples
from leakdrill.defences import Guard
from leakdrill.defences.base import Defence
from leakdrill.models.cache import ModelCache
from leakdrill.models.training import Progress
from leakdrill.oracles.averaging import mean_of
from leakdrill.seeds import derive
from leakdrill.shadows.beside import Beside
from leakdrill.shadows.draws import Answers, Draws, Records
from leakdrill.shadows.guarding import ShadowOwner, shown_scores
from leakdrill.shadows.recipes import KeepableRecipe, Recipe
from leakdrill.shadows.workers import Report, Saved, load_examples, map_in_workers, save_examples


@dataclass(frozen=True)
class Shown:
    """How a shadow's scores are read: through defences of its own, fitted beside its training set on others."""

    defences: tuple[Defence, ...] = ()
    held_out: Beside | None = None  # none: no defences
    average: int = 1  # times each example is asked about, where a defence answers differently each time

    def portable(self, directory: Path) -> "Shown":
        return replace(self, held_out=self.held_out and self.held_out.saved(directory / "guarded_with"))


@dataclass(frozen=True)
class Shadows:
    """All that it takes to make any one of the shadows."""

    recipe: Recipe
    train: Examples
    test: Examples
    draws: Draws
    seed: int
    shown: Shown = Shown()
    cache: ModelCache | None = None  # so that an attack which is played again trains nothing twice; None: kept nowhere

    def answers(self, shadow: int) -> tuple[Answers, Answers]:
        """Train shadow model number `shadow`; its scores (n, C) for its own training and for its own test examples."""
        train, test = self.train.take(self.draws.train[shadow]), self.test.take(self.draws.test[shadow])
        seed = derive(self.seed, "shadow", str(shadow))
        model = self._network(train, seed)
        guard = self._guard(model, train, seed)
        ask = (partial(shown_scores, model, guard, part.inputs) for part in (train, test))
        seen, unseen = (mean_of(each, self.shown.average if guard and guard.is_fresh else 1) for each in ask)
        return seen, unseen

    def _network(self, train: Examples, seed: int) -> nn.Module:
        recipe = self.recipe
        if self.cache is None or not isinstance(recipe, KeepableRecipe):
            return recipe.make(train, seed)
        made_of = {"shadow_model": recipe.made_of(), "seed": seed, "data": digest_of(train)}
        weights, _, _ = self.cache.get_or_make(made_of, lambda: (recipe.make(train, seed).state_dict(), {}))
        model = recipe.blank()
        model.load_state_dict(weights)
        return model.eval()

    def _guard(self, model: nn.Module, train: Examples, seed: int) -> Guard | None:
        shown = self.shown
        if shown.held_out is None:
            return None
        return ShadowOwner(model, lambda: train, shown.held_out, {}, derive(seed, "guard")).guarded(
            shown.defences, None
        )


def train_shadow_networks(shadows: Shadows, num_workers: int, progress: Progress) -> Records:
    """Make every shadow, on `num_workers` processes (1: in this one). Raises PartyUnavailable if a worker dies."""
    num_shadows = shadows.draws.num_shadows

    def report(num_done: int) -> None:
        progress(num_done / num_shadows, f"shadow model {num_done} of {num_shadows}")

    num_workers = min(num_workers, num_shadows)
    answers = _answer_here(shadows, report) if num_workers == 1 else _answer_in_processes(shadows, num_workers, report)
    seen, unseen = (np.stack(scores) for scores in zip(*answers, strict=True))
    return Records.of(seen, unseen, shadows.train, shadows.test, shadows.draws)


def _answer_here(shadows: Shadows, report: Report) -> list[tuple[Answers, Answers]]:
    answers = []
    for shadow in range(shadows.draws.num_shadows):
        answers.append(shadows.answers(shadow))
        report(len(answers))
    return answers


def _answer_in_processes(shadows: Shadows, num_workers: int, report: Report) -> list[tuple[Answers, Answers]]:
    with TemporaryDirectory(prefix="leakdrill-shadows-") as directory:
        train = save_examples(shadows.train, Path(directory, "train"))
        test = save_examples(shadows.test, Path(directory, "test"))
        recipe, shown = (each.portable(Path(directory)) for each in (shadows.recipe, shadows.shown))
        arguments = (recipe, train, test, shadows.draws, shadows.seed, shown, shadows.cache)
        return map_in_workers(Shadows.answers, range(shadows.draws.num_shadows), num_workers, _load, arguments, report)


def _load(
    recipe: Recipe, train: Saved, test: Saved, draws: Draws, seed: int, shown: Shown, cache: ModelCache | None
) -> Shadows:
    """In a worker process."""
    return Shadows(recipe, load_examples(train), load_examples(test), draws, seed, shown, cache)
