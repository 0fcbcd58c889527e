"""What LiRA and RMIA have in common: how sure the shadow models are that were trained on an example, and the others.

Thresholds come from the shadows alone: each in turn is attacked with the help of the others. There fewer shadows help
than against the victim: online S / 2 - 1 that were trained on an example and as many others, not S / 2; offline
S / 2 - 1, not S. We do not leave shadows unused for that, because scores are centred on means or medians of shadows,
which do not move with their number: two normal distributions at two deviations from each other, drawn and scored as
LiRA offline does, had their threshold within 0.2 of the best (variance: per_example, 6 shadows; shared: 0.06), which
lost 0.003 of the balanced accuracy at most. But fewer shadows say less, so the notes' `shadow_auc` is rather too low.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from leakdrill.attacks.base import Access, Verdict, View
from leakdrill.attacks.confidences.averaging import Averaging
from leakdrill.attacks.confidences.base import Answers, Output, check_answers
from leakdrill.attacks.confidences.statistics import Floats
from leakdrill.attacks.confidences.true_label import check_not_constant, num_tied, true_log_odds
from leakdrill.attacks.tuning.halves import HalvesTrained, shadow_size
from leakdrill.data.examples import Examples
from leakdrill.defences import Guard
from leakdrill.labelonly.cut import best_cut, separation
from leakdrill.models.training import predict
from leakdrill.seeds import numpy_generator
from leakdrill.shadows import ShadowPool, shadow_models
from leakdrill.shadows.guarding import guard_shadow, shown_scores

#: What stands before a shadow, by its number and its network.
Guarded = Callable[[int, nn.Module], Guard | None]


@dataclass(frozen=True)
class Evidence:
    """How sure one model is of N examples, and how sure the shadows are: log-odds of the true label, in Q queries each.

    Each example is in as many of the shadows as any other.
    """

    observed: Floats  # (N, Q), of the model that is attacked
    shadows: Floats  # (S, N, Q)
    is_in: NDArray[np.bool_]  # (S, N): whether the shadow was trained on the example

    @property
    def seen(self) -> Floats:
        """(S_in, N, Q), of the shadows that each example is in."""
        return self._by_membership[: self._num_in]

    @property
    def unseen(self) -> Floats:
        """(S - S_in, N, Q), of the others."""
        return self._by_membership[self._num_in :]

    @property
    def _by_membership(self) -> Floats:
        order = np.argsort(~self.is_in, axis=0, kind="stable")
        return np.take_along_axis(self.shadows, order[..., np.newaxis], axis=0)

    @property
    def _num_in(self) -> int:
        return int(self.is_in[:, 0].sum())

    def of_shadow(self, shadow: int) -> "Evidence":
        """What there would be, were that shadow the model attacked.

        Its twin, trained on the other half, is left out too: with it, every member would be in one shadow less than it
        is out of, which no example of the challenge is.
        """
        others = np.arange(len(self.is_in)) // 2 != shadow // 2
        return Evidence(self.shadows[shadow], self.shadows[others], self.is_in[others])


@dataclass(frozen=True)
class Gathered:
    """All the evidence of one attack."""

    challenge: Evidence
    own: Evidence  # of tuning examples, which the victim is not asked about: `observed` is empty
    population: Evidence  # of examples that no model was trained on, neither shadow nor victim
    num_sure: int  # examples of the challenge, as they are, of which the victim's confidence is exactly 1

    def rehearsals(self) -> Iterator[tuple[Evidence, Evidence, NDArray[np.bool_]]]:
        """For each shadow as the victim: evidence of the tuning examples, of the population, and the truth (N,)."""
        for shadow, is_member in enumerate(self.own.is_in):
            yield self.own.of_shadow(shadow), self.population.of_shadow(shadow), is_member


class ShadowHalves(Averaging, HalvesTrained):
    """The base of LiRA and RMIA."""

    output: Output = Field("scores", description="logits, where the API gives them, are not rounded off near 1")

    @property
    def needs(self) -> frozenset[Access]:
        return super().needs | {f"cbig/source:{self.output}"}

    @property
    def num_population(self) -> int:
        """Examples of shadow_test that it asks about, too."""
        return 0

    def queries_about(self, inputs: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """The Q queries by which it asks about inputs (N, ...), each of their shape: themselves, and then others."""
        yield inputs

    @abstractmethod
    def judge(self, gathered: Gathered) -> tuple[Floats, Floats, NDArray[np.bool_], dict[str, Any]]:
        """Scores of the challenge; those of rehearsals, all in one, and their truth; notes."""

    def run(self, view: View) -> Verdict:
        pool, num_own = self.plan(view)
        gathered = self._gather(view, pool, num_own)
        scores, rehearsed, is_member, notes = self.judge(gathered)
        members, others = rehearsed[is_member], rehearsed[~is_member]
        threshold = best_cut(members, others)
        notes |= {
            "threshold": threshold,
            "shadow_auc": round(separation(members, others), 4),
            "shadow_size": shadow_size(pool),
            "confidences_of_exactly_1": gathered.num_sure,
            "tied_scores": num_tied(scores),
            "tied_at_the_top": int((scores == scores.max()).sum()),
        }
        return Verdict(scores, scores > threshold, notes)

    def _gather(self, view: View, pool: ShadowPool, num_own: int) -> Gathered:
        train, test = view.shadow_pools()
        tuned_on = numpy_generator(view.seed, "tuned on").permutation(num_own)[: self.tuning_examples]
        defences = self.shadow_defences(view)
        test = test.take(np.setdiff1d(np.arange(len(test)), defences.apart))
        own = train.take(tuned_on)
        chosen = numpy_generator(view.seed, "population").permutation(len(test))[: self.num_population]
        population = test.take(chosen)
        # before any training: a budget that does not cover the challenge is best known at once
        of_challenge, num_sure = self._ask(view, view.challenge)
        check_not_constant(of_challenge[:, 0], view.victim_name)
        of_population, _ = self._ask(view, population)
        guarded = partial(guard_shadow, defences.known.prediction, pool, held_out=defences.held_out, cache=view.cache)
        of_shadows = self._ask_shadows(view, pool, guarded, (view.challenge, own, population))
        nowhere = np.zeros((pool.num_shadows, 1), dtype=np.bool_)
        in_challenge = pool.is_in[:, num_own:] if self.mode == "online" else nowhere.repeat(len(view.challenge), 1)
        return Gathered(
            Evidence(of_challenge, of_shadows[0], in_challenge),
            Evidence(np.empty(0), of_shadows[1], pool.is_in[:, tuned_on]),
            Evidence(of_population, of_shadows[2], nowhere.repeat(len(population), 1)),
            num_sure,
        )

    def _ask(self, view: View, examples: Examples) -> tuple[Floats, int]:
        """(N, Q), of the model under attack, and of how many of the examples its confidence is exactly 1."""
        if not len(examples):
            return np.empty((0, 1)), 0
        log_odds, num_sure = [], []
        for inputs in self.queries_about(np.asarray(examples.inputs)):
            answers = Answers(self.averaged(partial(view.victim.query, inputs, self.output)), self.output)
            check_answers(answers, view)
            log_odds.append(true_log_odds(answers, examples.labels))
            num_sure.append(answers.num_sure)
        return np.stack(log_odds, axis=1), num_sure[0]  # the first query is the example itself

    def _ask_shadows(self, view: View, pool: ShadowPool, guarded: Guarded, sets: tuple[Examples, ...]) -> list[Floats]:
        """(S, N, Q) of each set of examples. What the API does to its scores' precision is done to theirs."""
        of_sets: list[list[Floats]] = [[] for _ in sets]
        for shadow, model in enumerate(shadow_models(pool, view.cache, view.num_workers, view.progress)):
            ask = partial(self._ask_shadow, model, guarded(shadow, model))
            for examples, so_far in zip(sets, of_sets, strict=True):
                answers = [
                    Answers(ask(inputs), self.output) for inputs in self.queries_about(np.asarray(examples.inputs))
                ]
                so_far.append(np.stack([true_log_odds(each, examples.labels) for each in answers], axis=1))
        return [np.stack(so_far) for so_far in of_sets]

    def _ask_shadow(self, model: nn.Module, guard: Guard | None, inputs: NDArray[Any]) -> NDArray[np.float32]:
        if self.output == "logits":
            return predict(model, inputs)
        ask = partial(shown_scores, model, guard, inputs)
        return self.averaged(ask) if guard and guard.is_fresh else ask()
