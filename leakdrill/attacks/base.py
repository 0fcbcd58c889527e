"""What an attack is: a frozen spec whose fields are its YAML, and one method, `run`, which is the science."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from leakdrill.archs import ArchSpec, fitting
from leakdrill.data.examples import Examples
from leakdrill.data.forms import Form
from leakdrill.defences.base import Defence, Stage
from leakdrill.defences.known import KnownDefences
from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.oracles.oracle import Oracle
from leakdrill.oracles.pairs import PairOracle
from leakdrill.spec import Spec

Goal = Literal["membership", "identity", "attribute"]
#: The model whose training data the challenge is about, as the scenario's data.challenge.members_of says.
Victim = Literal["cbig/source", "csmall/recognition"]
EITHER: frozenset[Victim] = frozenset({"cbig/source", "csmall/recognition"})

#: What an attack can need, and a scenario can grant. APIs are spelt "<party>/<model>:<output>".
Access = str
SOURCE_SCORES: Access = "cbig/source:scores"  # the prediction vector f_s(x)
SOURCE_LABEL: Access = "cbig/source:label"  # its argmax, and nothing else
TARGET_SCORES: Access = "csmall/recognition:scores"  # f_t(x)
TARGET_LABEL: Access = "csmall/recognition:label"
EMBEDDINGS: Access = "csmall/features:embedding"  # g_s(x), of length 1
VERIFICATION = "csmall/verification"  # asked about pairs: View.pairs
DISTANCES: Access = f"{VERIFICATION}:distance"  # between two embeddings
SAME_PERSON: Access = f"{VERIFICATION}:same"  # whether that is below csmall's threshold, and nothing else
SHADOW_EXAMPLES: Access = "shadow_examples"  # examples of the source distribution that are not members
TEACHER_EXAMPLES: Access = "teacher_examples"  # of the source distribution, for an attack on csmall's own data
ARCHITECTURE: Access = "architecture"  # of the source model
TARGET_EXAMPLES: Access = "target_examples"  # csmall's own training data (TransMIA, appendix A)
AUXILIARY_FACES: Access = "auxiliary_faces"  # of people who are nobody's else, for a face model of its own
TRANSFER_METHOD: Access = "transfer_method"  # whether csmall freezes or fine-tunes
DEFENCES: Access = "defences"  # of the model under attack
FEATURE_EXTRACTOR: Access = "feature_extractor"  # leaked; not granted but breached
SOURCE_MODEL: Access = "source_model"  # all of f_s, leaked
LABELLED_IDENTITIES: Access = "labelled_identities"  # people of whom it is told whether they are members
LABELLED_ATTRIBUTES: Access = "labelled_attributes"  # photos of which it is told the attribute that it is to infer


@dataclass(frozen=True)
class Folding:
    """An attack that must be told of some people what it is to infer of others, so that it is played in folds.

    Each fold is a fresh adversary, which is told of other people than those it is judged on. What it is told is who is
    a member; or, with an `attribute`, that of `num_examples` photos, beside `num_references` photos of as many people.
    """

    num: int
    by: Literal["identity", "image"] = "identity"  # image: the control, other photos of the very people
    attribute: str | None = None
    num_examples: int = 0
    num_references: int = 0
    least_photos: int = 1  # of each person, in a fold


@dataclass(frozen=True)
class View:
    """All that one attack can see. Nothing in it says who of the challenge is a member."""

    challenge: Examples
    num_classes: int  # of the challenge's task, which is that of the model under attack
    oracles: Mapping[str, Oracle]
    seed: int  # this attack's own; derive from it by name (leakdrill.seeds)
    pairs: Mapping[str, PairOracle] = field(default_factory=dict)
    shadow_train: Examples | None = None
    shadow_test: Examples | None = None
    architecture: ArchSpec | None = None
    teacher_train: Examples | None = None  # of cbig's task, where the challenge is of csmall's
    target_train: Examples | None = None
    auxiliary_faces: Examples | None = None  # labels are names of people, who are in no other split
    transfer_method: Literal["freeze", "fine_tune"] | None = None
    defences: KnownDefences | None = None  # of the model under attack
    public: Examples | None = None  # nobody's secret: what some of these start from
    leaked: Artefact | None = None
    labelled_members: Examples | None = None  # labels are names of people, here and of the next
    labelled_non_members: Examples | None = None
    auxiliary: Examples | None = None  # labels are values of the attribute that is to be inferred
    references: Examples | None = None  # a photo each of people who are neither there nor in the challenge
    victim_name: Victim = "cbig/source"
    num_workers: int = 1  # processes that shadow training may spawn
    shadow_seed: int = 0  # of the shadow models that all attacks of a repeat share: not from the attack's name
    cache: ModelCache | None = None  # of those models, on the adversary's disk; None: none is kept
    progress: Callable[[float, str], None] = field(default=lambda fraction, message: None)

    def oracle(self, name: str) -> Oracle:
        """The public model of that name; raises ScenarioError when this adversary was not given it."""
        if name not in self.oracles:
            raise ScenarioError(f"no access to {name!r}, only to {sorted(self.oracles)}: check the parties' apis")
        return self.oracles[name]

    def pair_oracle(self, name: str = VERIFICATION) -> PairOracle:
        """The verification API of that name; raises ScenarioError when this adversary was not given it."""
        if name not in self.pairs:
            raise ScenarioError(f"no access to {name!r}, only to {sorted(self.pairs)}: check csmall.apis")
        return self.pairs[name]

    @property
    def victim(self) -> Oracle:
        """The model whose members are sought; raises ScenarioError when this adversary has no access to it."""
        return self.oracle(self.victim_name)

    def known_defences(self) -> KnownDefences:
        """Of the model under attack; raises ScenarioError when this adversary was not told."""
        if self.defences is None:
            raise ScenarioError("defended_shadows of unknown defences: grant adversary.knows.defences")
        return self.defences

    def labelled(self) -> tuple[Examples, Examples]:
        """Photos of members and of non-members; raises ScenarioError when this adversary was told of nobody."""
        if self.labelled_members is None or self.labelled_non_members is None:
            raise ScenarioError("told of nobody who is a member: grant adversary.knows.labelled_identities")
        return self.labelled_members, self.labelled_non_members

    def shadow_pools(self) -> tuple[Examples, Examples]:
        """D_shadow^train and D_shadow^test; raises ScenarioError when this adversary has none."""
        if self.shadow_train is None or self.shadow_test is None:
            raise ScenarioError("no shadow examples: grant adversary.knows.shadow_examples")
        return self.shadow_train, self.shadow_test


@dataclass(frozen=True)
class Verdict:
    """Scores (N,) float64, higher = more likely member; decisions (N,) bool; notes: JSON-able facts for the reader.

    by_queries: for each of the attack's `budgets`, the scores (N,) float64 that it would have given, had it been
    allowed so many queries per example; some may be left out. There, above 0 is called a member.
    abstained (N,) bool: examples of which the attack can say nothing, whatever their scores; None: there are none.
    """

    scores: NDArray[np.float64]
    decisions: NDArray[np.bool_]
    notes: dict[str, Any] = field(default_factory=dict)
    by_queries: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)
    abstained: NDArray[np.bool_] | None = None


class Attack(Spec):
    """The base of every attack. The subclass's docstring starts with one line and cites the paper's section."""

    kind: str
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = ""  # of this step, for `expect`; defaults to the kind
    goal: ClassVar[Goal] = "membership"
    victims: ClassVar[frozenset[Victim]] = frozenset({"cbig/source"})  # whose training sets it can attack

    @model_validator(mode="before")
    @classmethod
    def _name_after_kind(cls, value: Any) -> Any:
        unnamed = isinstance(value, dict) and "name" not in value
        return value | {"name": cls.model_fields["kind"].default} if unnamed else value

    @property
    def needs(self) -> frozenset[Access]:
        """The access and knowledge without which this attack cannot run.

        An attack on either model writes cbig's here: `needs_on` has the API of the one under attack.
        """
        raise NotImplementedError

    def needs_on(self, victim: Victim) -> frozenset[Access]:
        """`needs`, with the model under attack in the place of cbig's, if this attack can attack either."""
        if self.victims != EITHER:
            return self.needs
        return frozenset(access.replace("cbig/source:", f"{victim}:") for access in self.needs)

    @property
    def takes_rows(self) -> bool:
        """Of a table; False: it changes images in ways that rows have no match for."""
        return True

    def fitted_to(self, form: Form) -> Self:
        """This attack, with the architecture that it assumes, if any, for inputs of `form`.

        Raises ScenarioError for an architecture that takes the other form.
        """
        assumed = getattr(self, "arch", None)  # an attack need not have one
        return self.model_copy(update={"arch": fitting(assumed, form)}) if assumed else self

    @property
    def shadow_set_size(self) -> int:
        """How many examples one shadow model takes from the shadow_train pool, and as many from shadow_test."""
        return 0

    @property
    def draws_beside_held_out(self) -> bool:
        """Whether it draws shadow sets from what of shadow_test is not set apart for its shadows' defences."""
        return False

    @property
    def budgets(self) -> tuple[int, ...]:
        """Queries per example for which its verdict has scores, too, in rising order; none: it has no curve."""
        return ()

    @property
    def reads_labels_alone(self) -> bool:
        """Whether no more than the label of what an API answers has any part in its verdict."""
        asked = [access for access in self.needs if ":" in access]
        return bool(asked) and all(access.endswith(":label") for access in asked)

    def adapts_to(self, defence: Spec, stage: Stage) -> bool:
        """Whether it reckons with that defence of the model under attack, or cannot be troubled by it."""
        return isinstance(defence, Defence) and defence.keeps_argmax and self.reads_labels_alone

    @property
    def folding(self) -> Folding | None:
        """How it is played in folds; None: at once, told of nobody."""
        return None

    def training_passes(self, num_source_examples: int) -> int:
        """Forward-backward passes over one example that shadow training will cost: for the time estimate."""
        return 0

    @property
    def num_networks(self) -> int:
        """How many networks its shadow training makes: one alone is trained by one process."""
        return getattr(self, "num_shadows", 1)

    def most_queries(self, num_examples: int) -> int:
        """How many examples it may ask its victim about at most, with so many in the challenge; 0: not announced."""
        return 0

    def rehearsal_queries(self, num_source_examples: int) -> int:
        """How many examples it asks its own shadow models about, to tune itself, at most: for the time estimate."""
        return 0

    def run(self, view: View) -> Verdict:
        raise NotImplementedError
