"""Examples that shadow models take beside their training sets: known by their digest, and sent to workers as files."""

from dataclasses import dataclass, replace
from pathlib import Path

from leakdrill.data.digests import digest_of
from leakdrill.data.examples import Examples
from leakdrill.shadows.workers import Saved, load_examples, save_examples


@dataclass(frozen=True)
class Beside:
    """Such examples, in memory or in files."""

    digest: str
    held: Examples | Saved

    @classmethod
    def of(cls, examples: Examples) -> "Beside":
        return cls(digest_of(examples), examples)

    @property
    def examples(self) -> Examples:
        return self.held if isinstance(self.held, Examples) else load_examples(self.held)

    def saved(self, stem: Path) -> "Beside":
        """The same in files that start with `stem`: what is pickled is no more than their names."""
        return replace(self, held=save_examples(self.examples, stem))
