"""results.json, typed: what a run found. Schema 1.

Scores are beside it: scores/<attack>-<repeat>.npz, in the order of the challenge, whose truth and labels (of people,
where whole people are in or out) are in truth/challenge.npz. A person's score is the mean over the judged photos,
and class_based's is the same on all of them: what a figure of its values for members and non-members, or a ROC over
people, is drawn from. An attack in folds has ranks there, not values.
"""

from typing import Any, Literal

from pydantic import Field, field_validator

from leakdrill.counted import counted
from leakdrill.network.policy import Row
from leakdrill.spec import Spec

Outcome = Literal["holds", "does not hold", "undecided"]
Verdict = Literal["met", "not met", "broken", "undecided"]
Unit = Literal["example", "identity"]
#: When a company can defend: as it fits its model, as it hands g_s on, or as it answers.
Stage = Literal["training", "release", "prediction"]


class Interval(Spec):
    """An estimate with its 95 % interval over examples, or over identities where these are judged."""

    value: float
    low: float
    high: float


class Spread(Spec):
    """Over repeats, that is, over fresh shadow draws: not an interval over examples."""

    mean: float
    std: float
    num_repeats: int


class TprAtFpr(Interval):
    """Only given where num_non_members * fpr >= 10.

    Clopper-Pearson interval of the members above the threshold that was found, as if it were no matter of chance: that
    of the rate itself, by which clauses are decided, is wider.
    """

    fpr: float
    true_positives: int
    false_positives: int


class Proportion(Interval):
    """A rate with its counts; Clopper-Pearson interval."""

    num_correct: int
    num_examples: int


class Privacy(Spec):
    """What was spent on a model's training set: (epsilon, delta)-differential privacy, adding or removing one example.

    It covers the weights, and so what is computed from them alone: not what else is fitted on that set. The choice of
    the epoch, on validation examples, is not of that set.
    """

    epsilon: float
    delta: float
    noise_multiplier: float
    max_grad_norm: float
    sample_rate: float
    num_steps: int  # up to the epoch whose weights are served and beyond: all that were taken
    accountant: Literal["prv", "rdp"]


class ModelResult(Spec):
    train_accuracy: Proportion
    test_accuracy: Proportion
    validation_accuracy: Proportion | None = None
    best_epoch: int
    weights_sha256: str
    seconds: float
    privacy: Privacy | None = None  # of a model trained with dp_sgd


class VerificationResult(Spec):
    """How csmall's verification does on pairs, in a cross-validation: mean accuracy and threshold over its folds."""

    accuracy: float
    accuracy_error: float  # standard error of the mean
    threshold: float  # a distance: at most so far apart is called one person
    threshold_deviation: float  # standard deviation
    num_pairs: int
    num_folds: int


class Macro(Spec):
    """Means over classes, as the papers report; a class that leaves a rate undefined is left out of its mean."""

    accuracy: float
    precision: float | None  # None: no class has a positive decision
    recall: float
    num_classes: int
    num_without_positives: float  # classes left out of precision; a mean over repeats


class WithinQueries(Spec):
    """What the attack would have come to, had it been allowed so many queries per example."""

    queries: int
    auc: Interval
    accuracy: Interval


class FoldsResult(Spec):
    """An attack that was played in folds, each a fresh adversary: the AUC in each, as papers report it."""

    by: Literal["identity", "image"]  # image: a control, the adversary was told of other photos of the very people
    aucs: list[float]
    mean_auc: float
    std_auc: float  # over folds, ddof 1
    design_effect: float = 1.0  # variance of its rates in units of that of people who teach nothing: intervals have it


class AttackResult(Spec):
    name: str
    kind: str
    goal: str
    on: str
    num_members: int
    num_non_members: int
    unit: Unit = "example"  # what is counted, and what all intervals are over
    auc: Interval
    example_auc: float | None = (
        None  # beside one over identities; without an interval, since photos are not independent
    )
    accuracy: Interval
    precision: Interval | None  # None: no positive decision, so there is no precision
    recall: Interval
    f1: Interval
    macro: Macro
    tpr_at_fpr: list[TprAtFpr]  # of the first repeat: counts of repeats over the same examples do not add up
    over_repeats: dict[str, Spread]  # metric -> spread; only when repeated
    queries: dict[str, int]  # "cbig/source" -> examples, as counted by the API's owner, all repeats together
    cost: float = 0.0  # of these queries, at the owners' prices, in units of money
    curve: tuple[WithinQueries, ...] = ()  # in rising order; empty where an attack gives no scores by queries
    num_excluded: int = 0  # examples or identities that nothing was said of, or of which the truth is not known
    folds: FoldsResult | None = None  # its scores above are ranks within folds, pooled
    adaptive_to: tuple[
        str, ...
    ] = ()  # names of the defences in its way that it reckons with, or that cannot trouble it
    notes: dict[str, Any]  # what the attack says of itself
    seconds: float


class DefenceResult(Spec):
    """A defence, with the strongest of the attacks that it stood against: no attack was, where that is None."""

    name: str = ""  # its kind, or where others have that too, its place as well; none in older results
    kind: str
    stage: Stage
    party: Literal["cbig", "csmall"]  # whose it is
    since: int = 0  # the step, from 1, that switched it in; 0: it stood there from the start
    attacked_adaptively: bool  # else it was measured against attacks alone that do not expect it
    strongest: str | None  # an attack's name: of all, the one with the highest AUC
    auc: Interval | None  # of that attack
    accuracy: Interval | None

    @property
    def called(self) -> str:
        """What tells it from the others, of which one may have stood there before it."""
        return (self.name or self.kind) + (f", since step {self.since}" if self.since else "")


class Deciding(Spec):
    """How many examples, members and others together, would decide what is undecided: leakdrill.referee.deciding."""

    unit: Unit
    num_judged: int
    num_needed: int | None  # None: no number can be named
    reason: str  # what the number rests on, or why there is none


class ExpectationResult(Spec):
    claim: str
    that: str
    got: dict[str, Any]
    outcome: Outcome
    deciding: Deciding | None = None  # of one that is undecided, where more examples could help


class BreachResult(Spec):
    artefact: str
    channel: str
    blocks: list[str]
    size_bytes: int
    sha256: str


class ResponseResult(Spec):
    """What a company did about it in mid-drill. It changes nothing about what was copied or answered before."""

    kind: Literal["revoke", "defend"]
    party: Literal["cbig", "csmall"]
    step: int  # of those that were played, from 1
    defences: tuple[str, ...] = ()  # kinds, of defend: all that stand before its API from then on
    certificates_renewed: bool | None = None  # of revoke; False where whoever started the parties would have to


class Overlap(Spec):
    """What two sides share: teacher, student, auxiliary, the challenge's non-members, pairs for verification."""

    sides: tuple[str, str]
    shared_names: int  # of classes; no fault where photos are in or out
    same_files: int
    near_duplicates: int | None  # images of the first that look like one of the second; None: too many, or too small


class Exclusion(Spec):
    """What was left out of a set of images because cbig's data have it."""

    of: str  # the scenario's key: data.target.dataset, data.verification_pairs
    people: int  # by name
    images: int | None  # that look like one of cbig's, of those looked at; None: too many, or too small
    pairs: int = 0  # with one of these, of a set of pairs

    @property
    def in_words(self) -> str:
        """What was left out, "" for nothing."""
        num_images = self.images or 0
        images = counted(num_images, "image that looks like one of cbig's", "images that look like one of cbig's")
        people = counted(self.people, "person of cbig's by name", "people of cbig's by name")
        counts = {people: self.people, images: num_images, f"with them {counted(self.pairs, 'pair')}": self.pairs}
        found = ", ".join(what for what, count in counts.items() if count)
        return f"left out of {self.of}: {found}" if found else ""


class Results(Spec):
    schema_version: Literal[1] = 1
    scenario: dict[str, Any] = Field(description="as it was played, but for a split_key, which is a secret")
    verdict: Verdict
    error: str | None = None
    undecided_because: str | None = Field(None, description="why it is undecided, whatever the expectations say")
    models: dict[str, ModelResult]
    verification: dict[str, VerificationResult] = Field({}, description="by the pairs that it was tried on")
    breaches: list[BreachResult]
    responses: tuple[ResponseResult, ...] = ()
    baseline: AttackResult | None  # model-free: a classifier on the raw images or rows, which must score chance
    attacks: list[AttackResult]
    defences: tuple[DefenceResult, ...] = ()  # in the order in which they act
    overlaps: tuple[Overlap, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    num_enlarged: int = Field(0, description="dealt image files that are smaller than data.image_size, and scaled up")
    expectations: list[ExpectationResult]
    policy: tuple[Row, ...] = ()  # who may call what, in this version: all else is refused
    environment: dict[str, Any]  # versions, commit, data hash, devices, threads
    seconds: dict[str, float]  # by step

    @property
    def left_out_or_enlarged(self) -> list[str]:
        """What became of images beside being dealt, in words."""
        found = [words for excluded in self.exclusions if (words := excluded.in_words)]
        if self.num_enlarged:
            one = "image is smaller than data.image_size: it was scaled up"
            found.append(
                counted(self.num_enlarged, one, "images are smaller than data.image_size: they were scaled up")
            )
        return found

    @field_validator("scenario")
    @classmethod
    def _keep_the_secret(cls, scenario: dict[str, Any]) -> dict[str, Any]:
        return without_split_key(scenario)


def without_split_key(scenario: dict[str, Any]) -> dict[str, Any]:
    """The scenario for other eyes: null for a pinned split_key wherever one stands, in a grid and in `smoke` too.

    Not its hash: a key that somebody thought of can be found again from that, and with it who is a member.
    """
    return {name: None if name == "split_key" else _without_split_key(value) for name, value in scenario.items()}


def _without_split_key(value: Any) -> Any:
    if isinstance(value, dict):
        return without_split_key(value)
    return [_without_split_key(each) for each in value] if isinstance(value, list) else value
