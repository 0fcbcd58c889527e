"""What a scenario says of its data: the set, how it is dealt, and who is judged."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from leakdrill.attacks.base import Victim
from leakdrill.datasets import DatasetSpec
from leakdrill.datasets.lfw_pairs import LfwPairs
from leakdrill.datasets.members import Members
from leakdrill.spec import Spec


class Splits(Spec):
    """How many examples of each source class go to each split. Splits are disjoint."""

    source_train: int = Field(ge=1, description="members: cbig's training set")
    source_test: int = Field(ge=1, description="non-members of the same distribution")
    source_validation: int = Field(ge=1, description="cbig's own, for choosing the epoch")
    source_public: int = Field(
        0, ge=0, description="of the same classes, which anybody may have and cbig has too: to distil g_s on"
    )
    shadow_train: int = Field(0, ge=0, description="the adversary's, of the task that the challenge is about")
    shadow_test: int = Field(0, ge=0, description="the adversary's")
    teacher_train: int = Field(
        0, ge=0, description="the adversary's, of cbig's task, to train a teacher on; for challenge.members_of target"
    )


class Challenge(Spec):
    """Who is judged: a balanced, shuffled draw from members and non-members."""

    members_of: Literal["source", "target"] = Field(
        "source",
        description="whose training set is in question; target: csmall's own data, and what the shadow splits count is "
        "of each of its classes",
    )
    per_class: int | None = Field(
        None, ge=1, description="members, and as many non-members, of each class; default: all"
    )
    members_by: Literal["photo", "identity"] = Field(
        "photo",
        description="identity: whoever is in is in as a whole; half of the source classes are cbig's, the others are "
        "not, and per_class is the photos of each",
    )
    members_from: Literal["train", "unseen"] = Field(
        "train",
        description="unseen: the 'members' are examples that no model saw, to test the null; by identity, other photos "
        "of cbig's people",
    )

    @property
    def victim(self) -> Victim:
        """The public model whose members are sought."""
        return "cbig/source" if self.members_of == "source" else "csmall/recognition"

    @property
    def home(self) -> str:
        """The split that the members are of."""
        return "unseen" if self.members_from == "unseen" else f"{self.members_of}_train"

    @property
    def elsewhere(self) -> str:
        """The split that the non-members are of, unless these are other people."""
        return f"{self.members_of}_test"

    @model_validator(mode="after")
    def _people_are_cbigs(self) -> Self:
        if self.members_by == "identity" and self.members_of == "target":
            raise ValueError("members_by identity is about the people that cbig trained on: set members_of: source")
        return self


class TargetTask(Spec):
    """csmall's own small data: other classes of the same set, or another set."""

    classes: int = Field(ge=2)
    train: int = Field(ge=1, description="of each class")
    test: int = Field(ge=1, description="of each class")
    dataset: DatasetSpec | None = Field(
        None, description="another data set; default: classes held back from the source task"
    )


class AuxiliaryFaces(Spec):
    """People of whom the adversary has photos and knows who is who, to train a face model of its own on.

    They are nobody's else: held back from the source task as csmall's are, or of the data set that is csmall's.
    """

    classes: int = Field(20, ge=2, description="people")
    per_class: int = Field(10, ge=2, description="photos of each")


class Data(Spec):
    """The data set (its own keys stand beside these) and how it is dealt."""

    dataset: DatasetSpec
    image_size: int = Field(32, ge=8, le=256, description="pixels; every image is resized to a square of this side")
    splits: Splits
    challenge: Challenge = Challenge()
    target: TargetTask | None = Field(
        None,
        description="csmall's own data, which adapt, verification and attacks on csmall's members need; default: none, "
        "and no class is held back from the source task",
    )
    auxiliary_faces: AuxiliaryFaces | None = Field(
        None,
        description="people whom the adversary knows anyway, if it is granted auxiliary_faces: held back from the "
        "source task, or of data.target.dataset if there is one; nobody else's",
    )
    verification_pairs: LfwPairs | None = Field(
        None, description="LFW's own protocol, on which the referee tries csmall's verification when all is played"
    )

    @property
    def num_held_back(self) -> int:
        """Classes of the data set that are csmall's or the adversary's, and not of the source task."""
        is_held_back = self.target is None or self.target.dataset is None
        return self.people_beside("target") + self.people_beside("auxiliary") if is_held_back else 0

    def people_beside(self, task: str) -> int:
        """Classes of csmall's task (target), or those that the adversary knows anyway (auxiliary)."""
        wanted = self.target if task == "target" else self.auxiliary_faces
        return wanted.classes if wanted else 0

    @model_validator(mode="before")
    @classmethod
    def _gather_dataset(cls, value: Any) -> Any:
        """Move the data set's keys, written beside ours for the reader's sake, into `dataset`."""
        if not isinstance(value, dict) or "dataset" in value:
            return value
        own = {key: value[key] for key in value if key in cls.model_fields}
        given = {key: value[key] for key in value if key not in cls.model_fields}
        return own | {"dataset": ({"set": "members"} if "members" in given else {}) | given}

    @model_validator(mode="after")
    def _members_are_given(self) -> Self:
        if not isinstance(self.dataset, Members):
            return self
        if self.challenge.members_by != "photo" or self.challenge.members_from != "train":
            raise ValueError("data.members says who is a member, photo by photo: leave members_by and members_from out")
        if self.target is not None and self.target.dataset is None:
            raise ValueError(
                "data.target would hold back classes that the model knows: give it a data set of its own, as dataset"
            )
        return self

    @model_validator(mode="after")
    def _shadows_would_tell(self) -> Self:
        """Photos of cbig's people in the adversary's pools would say who they are."""
        if self.challenge.members_by == "identity" and (self.splits.shadow_train or self.splits.shadow_test):
            raise ValueError(
                "with challenge.members_by identity the shadow splits would show the adversary whom cbig trained on: "
                "leave out splits.shadow_train and splits.shadow_test"
            )
        return self

    @model_validator(mode="after")
    def _target_has_data(self) -> Self:
        if self.challenge.members_of == "target" and self.target is None:
            raise ValueError("challenge.members_of target is about csmall's own data, of which it has none: add target")
        return self

    @model_validator(mode="after")
    def _teachers_are_for_students(self) -> Self:
        if self.splits.teacher_train and self.challenge.members_of == "source":
            raise ValueError(
                "splits.teacher_train is for attacks on csmall's own data: set challenge.members_of: target, or use "
                "splits.shadow_train, which is of cbig's task here"
            )
        return self
