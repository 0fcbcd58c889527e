"""Membership in csmall's own training data, asked of its model, which was transferred from a teacher."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.archs import ArchSpec, build, cut
from leakdrill.attacks.attack_models import fit_attack_model, fit_dnn, leading_scores
from leakdrill.attacks.base import (
    ARCHITECTURE,
    FEATURE_EXTRACTOR,
    SHADOW_EXAMPLES,
    TARGET_SCORES,
    TEACHER_EXAMPLES,
    TRANSFER_METHOD,
    Access,
    Verdict,
    Victim,
    View,
)
from leakdrill.attacks.checks import check_labels
from leakdrill.attacks.tuning.defended import OnShadows
from leakdrill.data.forms import ImageForm, RowForm
from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.fit import Fit
from leakdrill.models.training import fit_model
from leakdrill.models.transfer import Method
from leakdrill.seeds import derive
from leakdrill.shadows import Shadows, Shown, Transferred, draw_shadow_sets, train_shadow_networks


class StudentMia(OnShadows):
    """In if csmall's model answers as shadow students about their own (Zou et al. 2020, beside TransMIA's appendix A).

    "Privacy Analysis of Deep Learning in the Wild": shadow students are transferred from a teacher, on examples of the
    adversary's own, and one attack model for all classes learns from their answers. It is the counterpart to TransMIA's
    appendix A, which asks the same API for members of D_s and finds nothing.

    The teacher is g_s where it has leaked, or a model that the adversary trains on examples of cbig's task
    (splits.teacher_train). The architecture is csmall's, or any that the attack assumes. Where we depart: the attack
    model sees the true label's score before the largest others, since this adversary knows the label.
    """

    kind: Literal["student_mia"] = "student_mia"
    victims: ClassVar[frozenset[Victim]] = frozenset({"csmall/recognition"})

    teacher: Literal["leaked", "own"] = "leaked"
    num_shadows: int = Field(8, ge=1, le=10_000)
    shadow_size: int | None = Field(
        None, ge=1, description="training examples of each shadow, and as many held-out ones; default: half of the pool"
    )
    fit: Fit = Field(Fit(), description="of the shadow students")
    teacher_fit: Fit = Field(Fit(), description="of a teacher of its own")
    arch: ArchSpec | None = Field(None, description="what it assumes if it does not know the source model's")
    method: Method | None = Field(None, description="what it assumes if it does not know how csmall transfers")

    @property
    def needs(self) -> frozenset[Access]:
        needs = {*super().needs, SHADOW_EXAMPLES, TARGET_SCORES}
        needs |= {FEATURE_EXTRACTOR if self.teacher == "leaked" else TEACHER_EXAMPLES}
        needs |= set() if self.method else {TRANSFER_METHOD}
        return frozenset(needs | ({ARCHITECTURE} if self.teacher == "own" and self.arch is None else set()))

    @property
    def shadow_set_size(self) -> int:
        return self.shadow_size or 0

    @property
    def draws_beside_held_out(self) -> bool:
        return self.defended_shadows

    def training_passes(self, num_source_examples: int) -> int:
        """Of the shadow students, by default of about csmall's size; heads on frozen features cost next to nothing."""
        if self.method == "freeze":
            return 0
        return self.num_shadows * (self.shadow_size or num_source_examples) * self.fit.passes

    def most_queries(self, num_examples: int) -> int:
        return num_examples

    def run(self, view: View) -> Verdict:
        check_labels(view)
        train, test = view.shadow_pools()
        method = self.method or view.transfer_method
        if method is None:
            raise ScenarioError(f"{self.name}: grant adversary.knows.transfer_method, or set the attack's method")
        defences = self.shadow_defences(view)
        test = test.take(np.setdiff1d(np.arange(len(test)), defences.apart))
        size = self.shadow_size or max(1, min(len(train), len(test)) // 2)
        draws = draw_shadow_sets(train, test, self.num_shadows, size, derive(view.seed, "draws"))
        # before any training: a budget that does not cover the challenge is best known at once
        answers = view.victim.query(view.challenge.inputs, "scores")
        teacher, arch = self._teacher(view)
        recipe = Transferred.of(teacher, arch, view.num_classes, self.fit, method)
        shown = Shown(defences.known.prediction, defences.held_out)
        shadows = Shadows(recipe, train, test, draws, derive(view.seed, "students"), shown, view.cache)
        records = train_shadow_networks(shadows, view.num_workers, view.progress)
        seen = leading_scores(records.scores, records.labels)
        one_group = np.zeros(len(seen), np.int64)
        model = fit_attack_model(fit_dnn, seen, one_group, records.is_member, 1, derive(view.seed, "attack model"))
        asked = leading_scores(answers, view.challenge.labels)
        scores, decisions = model.judge(asked, np.zeros(len(asked), np.int64))
        notes = {"teacher": self.teacher, "transfer": method, "teacher_arch": teacher.description.arch.kind}
        return Verdict(scores, decisions, notes)

    def _teacher(self, view: View) -> tuple[Artefact, ArchSpec | None]:
        """What the students start from, and the architecture that they are built by, if it is known."""
        if self.teacher == "leaked":
            if view.leaked is None:
                raise ScenarioError(f"{self.name}: nothing has leaked: put a breach before it, or set teacher: own")
            return view.leaked.feature_extractor(), self.arch or view.architecture
        arch = self.arch or view.architecture
        if view.teacher_train is None or arch is None:
            raise ScenarioError(
                f"{self.name}: a teacher of its own needs data.splits.teacher_train, granted by "
                "adversary.knows.shadow_examples, and adversary.knows.architecture or the attack's arch"
            )
        train = view.teacher_train
        view.progress(0.0, "training the teacher")
        model = build(arch, int(train.labels.max()) + 1, derive(view.seed, "teacher's weights"))
        fit_model(model, train, self.teacher_fit, derive(view.seed, "teacher"))
        size = train.inputs.shape[1]
        form = ImageForm(size) if train.inputs.ndim == 4 else RowForm(size)
        return Artefact.of("feature_extractor", arch, cut(model)[0], form), arch
