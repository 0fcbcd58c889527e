"""Distillation: csmall gets a student of g_s that has seen public data alone."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from leakdrill.archs import build
from leakdrill.archs.standardise import Standardise
from leakdrill.data.examples import Inputs
from leakdrill.defences.release.base import ReleaseDefence, Releaser
from leakdrill.models.artefact import Artefact
from leakdrill.models.augment import Change
from leakdrill.models.batches import Rows
from leakdrill.models.device import at_work
from leakdrill.models.fit import Fit
from leakdrill.models.matching import check_matching, match
from leakdrill.models.training import as_batch, predict
from leakdrill.seeds import derive


class Distillation(ReleaseDefence):
    """A fresh extractor of the same architecture, fitted to give what g_s gives, on public photos (Romero et al. 2015).

    Members reach it only through the features that g_s gives to others; Shejwalkar and Houmansadr (2021, section 3)
    protect classifiers so. The photos are `data.splits.source_public`, dealt to cbig beside its own. Its held-out ones
    would not do: whatever the student is fitted on, it may give away in turn.
    """

    kind: Literal["distillation"] = "distillation"
    fit: Annotated[Fit, AfterValidator(check_matching)] = Field(
        Fit(epochs=60, batch_size=64, learning_rate=0.05), description="of the student, to g_s's features"
    )
    needs_public: ClassVar[bool] = True

    def obfuscated(self, artefact: Artefact, releaser: Releaser) -> Artefact:
        made_of = {"student": self.model_dump(mode="json"), "seed": releaser.seed, **releaser.made_of}
        weights, _, _ = releaser.cache.get_or_make(
            made_of, lambda: (self._student(artefact, releaser).state_dict(), {})
        )
        return replace(artefact, weights=weights)

    def _student(self, artefact: Artefact, releaser: Releaser) -> nn.Sequential:
        teacher, photos = artefact.module(), releaser.public()
        described = artefact.description
        student = build(described.arch, described.num_classes or 2, derive(releaser.seed, "initial weights"))
        student = student[: len(described.blocks)]
        for module in student.modules():
            if isinstance(module, Standardise):
                module.fit(photos)
        spread = float(predict(teacher, photos).var())

        def gather(rows: Rows, change: Change | None) -> tuple[Tensor, Tensor]:
            batch = _batch(photos, rows, change)
            with at_work(teacher, lower=f"the fit's batch_size, now {self.fit.batch_size}") as device, torch.no_grad():
                return batch, teacher(batch.to(device))

        def distance(given: Tensor, wanted: Tensor) -> Tensor:
            return mse_loss(given, wanted) / spread  # so that a learning rate means the same for any g_s

        match(student, gather, len(photos), self.fit, distance, derive(releaser.seed, "fit"), releaser.progress)
        return student


def _batch(photos: Inputs, rows: Rows, change: Change | None) -> Tensor:
    own = photos[rows]
    return as_batch(own if change is None else change.apply(own))
