"""A scenario: one question, the parties, what is granted, the timeline, and what is expected. The whole YAML, typed."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from leakdrill.datasets.members import Members
from leakdrill.defences import DefenceSpec, misplaced
from leakdrill.defences.base import Answered
from leakdrill.defences.release import ReleaseDefenceSpec
from leakdrill.models.device import AUTO, DeviceName
from leakdrill.models.verification import NUM_FOLDS, Metric
from leakdrill.scenario.adversary import Adversary
from leakdrill.scenario.data import Data
from leakdrill.scenario.models import SourceModel, TargetModel
from leakdrill.scenario.steps import AttackStep, Step, named_step
from leakdrill.spec import Spec


class Api(Spec):
    outputs: list[Literal["logits", "scores", "label"]] = Field(["scores"], min_length=1)
    defences: list[DefenceSpec] = Field([], description="what scores pass through before they leave, in this order")
    price_per_thousand: float = Field(0.0, ge=0, allow_inf_nan=False, description="of queries, in units of money")
    rate_limit: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="examples per second from each caller; default: no limit"
    )

    @model_validator(mode="after")
    def _fitted_comes_first(self) -> Self:
        if wrong := misplaced(self.defences):
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _nothing_undefended(self) -> Self:
        if self.defences and "logits" in self.outputs:
            kinds = ", ".join(defence.kind for defence in self.defences)
            raise ValueError(
                f"outputs has logits, which would undo the defences ({kinds}): publish scores or label instead"
            )
        return self


class Cbig(Spec):
    source_model: SourceModel
    releases: Literal["feature_extractor", "source_model"] = Field(
        "feature_extractor", description="what the contract hands to csmall: g_s, or all of f_s"
    )
    release_defences: list[ReleaseDefenceSpec] = Field(
        [], description="what that is obfuscated by before it leaves, in this order"
    )
    api: Api = Api()
    device: DeviceName = Field(AUTO, description="where it computes: auto, cpu, cuda, cuda:N or mps")


class Verification(Spec):
    """Whether two faces are one person's (FaceLeaks, section 3.3)."""

    metric: Metric = Field("euclidean", description="between embeddings; cosine: 1 - their cosine")
    outputs: list[Literal["distance", "same"]] = Field(["distance", "same"], min_length=1)


#: What each of csmall's APIs answers, and a defence there stands before.
ANSWERED: dict[str, Answered] = {"features": "embedding", "verification": "distance", "recognition": "scores"}


class Csmall(Spec):
    target_model: TargetModel = TargetModel()
    apis: list[Literal["features", "verification", "recognition"]] = Field(
        ["recognition"], description="public models built on g_s: its embeddings, their distances, and f_t"
    )
    api: Api = Field(Api(), description="of all of them; `outputs` are those of recognition")
    verification: Verification = Verification()
    device: DeviceName = Field(AUTO, description="where it computes: auto, cpu, cuda, cuda:N or mps")

    @model_validator(mode="after")
    def _defences_fit(self) -> Self:
        for name in self.apis:
            for defence in self.api.defences:
                if ANSWERED[name] not in defence.defends:
                    raise ValueError(
                        f"api.defences has {defence.kind}, which can defend {', '.join(sorted(defence.defends))} as it "
                        f"is set, but not the {ANSWERED[name]} that the {name} API answers with: close that API or "
                        "choose another defence (output_noise, or rounding with figures)"
                    )
        return self


class Expectation(Spec):
    claim: str = Field(description="in words")
    that: str = Field(description="<name>.<metric> <op> <number or name.metric>")


class Guess(Spec):
    """A figure that the reader is asked for before the drill is played (`leakdrill lesson`)."""

    ask: str = Field(description="in words")
    what: str = Field(description="<name>.<metric>, as in `expect`")


#: Axes of a grid that are no dotted keys, and what stands there for all that there are.
ATTACK_AXIS, DEFENCE_AXIS, ALL = "attacks", "defences", "all"


class Scenario(Spec):
    question: str
    seed: int = Field(0, ge=0)
    split_key: str | None = Field(
        None, description="decides who is a member; drawn fresh and kept secret unless pinned"
    )
    data: Data
    cbig: Cbig
    csmall: Csmall = Csmall()
    adversary: Adversary = Adversary()
    timeline: list[Step] = Field(min_length=1)
    expect: list[Expectation] = Field([], description="decided when the timeline has been played")
    guess: list[Guess] = Field([], description="what to ask a class before it is")
    repeats: int = Field(1, ge=1, description="of each attack, with fresh shadow draws")
    grid: dict[str, Any] = Field({}, description="its axes (leakdrill.scenario.axes); a drill for every combination")
    smoke: dict[str, Any] = Field({}, description="dotted key: value; the size that runs in seconds")

    @model_validator(mode="after")
    def _target_examples_would_tell(self) -> Self:
        if self.adversary.knows.target_examples and self.data.target is None:
            raise ValueError(
                "adversary.knows.target_examples are csmall's own data, of which it has none: add data.target"
            )
        if self.data.challenge.members_of == "target" and self.adversary.knows.target_examples:
            raise ValueError(
                "with data.challenge.members_of target, adversary.knows.target_examples would show the adversary who "
                "the members are: leave it out"
            )
        if self.adversary.knows.auxiliary_faces and self.data.auxiliary_faces is None:
            raise ValueError("adversary.knows.auxiliary_faces are of nobody: add data.auxiliary_faces")
        return self

    @model_validator(mode="after")
    def _defence_would_know_the_challenge(self) -> Self:
        """csmall's only held-out examples are then the challenge's non-members."""
        fitted = [defence.kind for defence in self.csmall.api.defences if defence.is_fitted]
        if fitted and self.data.challenge.members_of == "target":
            raise ValueError(
                f"csmall.api.defences: with data.challenge.members_of target, {fitted[0]} would be fitted on the very "
                "members and non-members that it is judged on: choose a defence that is not fitted"
            )
        return self

    @model_validator(mode="after")
    def _defences_have_public_data(self) -> Self:
        places: dict[str, Sequence[Any]] = {
            "source_model.defences": self.cbig.source_model.defences,
            "release_defences": self.cbig.release_defences,
        }
        for place, defences in places.items():
            wanting = [defence.kind for defence in defences if defence.needs_public]
            if wanting and not self.data.splits.source_public:
                raise ValueError(
                    f"cbig.{place} has {wanting[0]}, which needs examples that are public: give "
                    "data.splits.source_public some"
                )
        return self

    @field_validator("timeline", mode="before")
    @classmethod
    def _named_steps(cls, value: Any) -> Any:
        """`train_source` and `{attack: {...}}` as people write them."""
        return [named_step(step) for step in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def _enough_pairs(self) -> Self:
        target, has_verification = self.data.target, "verification" in self.csmall.apis
        if has_verification and target is None:
            raise ValueError(
                "csmall.apis has verification, whose threshold csmall finds on its own photos: add data.target"
            )
        photos = target.train + target.test if target else 0
        if has_verification and target and target.classes * photos * (photos - 1) // 2 < NUM_FOLDS:
            raise ValueError(
                f"data.target has {target.classes} classes of {photos} photos, fewer than the {NUM_FOLDS} pairs of one "
                "person that csmall needs to find verification's threshold: raise its train, test or classes"
            )
        if self.data.verification_pairs is not None and not (
            has_verification
            and "distance" in self.csmall.verification.outputs
            and any(step.step == "release" for step in self.timeline)
        ):
            raise ValueError(
                "data.verification_pairs needs csmall's distances: add verification to csmall.apis, distance to "
                "csmall.verification.outputs, and release to the timeline"
            )
        return self

    @field_validator("grid")
    @classmethod
    def _axes(cls, grid: dict[str, Any]) -> dict[str, Any]:
        for name, values in grid.items():
            is_all = values == ALL and name in (ATTACK_AXIS, DEFENCE_AXIS)
            is_named = isinstance(values, dict) and all(isinstance(value, dict) for value in values.values())
            if not (isinstance(values, list) or is_all or (is_named and name not in (ATTACK_AXIS, DEFENCE_AXIS))):
                raise ValueError(
                    f"{name} is {str(values)[:60]!r}: wanted a list of values, a mapping of labels to mappings of "
                    f"dotted keys, or {ALL} for {ATTACK_AXIS} and {DEFENCE_AXIS}"
                )
        return grid

    @model_validator(mode="after")
    def _target_weights_are_loaded(self) -> Self:
        steps = {step.step for step in self.timeline}
        has_weights = self.csmall.target_model.weights is not None
        if has_weights and "adapt" in steps:
            raise ValueError("csmall.target_model has weights: put load_target in the place of adapt")
        if not has_weights and "load_target" in steps:
            raise ValueError("load_target needs a model to load: set csmall.target_model.weights and arch")
        if has_weights != (self.data.target is not None and isinstance(self.data.target.dataset, Members)):
            raise ValueError(
                "csmall.target_model.weights and a data.target.dataset with members go together: who is in and who is "
                "out of a model that is trained already, the data must say (dataset: {set: members, members: DIR, "
                "non_members: DIR})"
            )
        return self

    @model_validator(mode="after")
    def _weights_are_loaded(self) -> Self:
        steps = {step.step for step in self.timeline}
        has_weights = self.cbig.source_model.weights is not None
        if has_weights and "train_source" in steps:
            raise ValueError("cbig.source_model has weights: put load_source in the place of train_source")
        if not has_weights and "load_source" in steps:
            raise ValueError("load_source needs a model to load: set cbig.source_model.weights and arch")
        if has_weights != isinstance(self.data.dataset, Members):
            raise ValueError(
                "cbig.source_model.weights and data.members go together: who is in and who is out of a model that is "
                "trained already, the data must say (data: {members: DIR, non_members: DIR})"
            )
        return self

    @field_validator("timeline")
    @classmethod
    def _distinct_names(cls, timeline: list[Step]) -> list[Step]:
        check_attack_names(timeline)
        return timeline


#: What an attack cannot be called: models and groups that `expect` knows, and what `--set` addresses beside attacks.
RESERVED_NAMES = frozenset({"source", "target", "baseline", "all", "attacks", "breach", *Scenario.model_fields})


def check_attack_names(timeline: Sequence[Step]) -> None:
    """Raises ValueError for two attacks of one name, which defaults to the kind, or a reserved one."""
    names = Counter(step.attack.name for step in timeline if isinstance(step, AttackStep))
    for name, count in names.items():
        if count > 1:
            raise ValueError(f"{count} attacks are called {name!r}: give each a `name` of its own")
        if name in RESERVED_NAMES:
            raise ValueError(f"an attack cannot be called {name!r}: give it another `name`")
