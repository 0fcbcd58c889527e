"""Where the cells of a grid are played, how many at once, and which of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from leakdrill.cores import CORES, num_cores
from leakdrill.errors import InvalidInput

LOCAL = "local"

T = TypeVar("T")


@dataclass(frozen=True)
class Schedule:
    """On `jobs` processes of this machine, or on Ray; and the share of them that is played, in a job array."""

    jobs: int = 1  # on a cluster, of which it is not known how many it plays at once, unused
    ray: str | None = None  # "local", "auto" or a cluster's address
    shard: tuple[int, int] | None = None  # the second of eight: (2, 8)

    @property
    def is_on_cluster(self) -> bool:
        return self.ray not in (None, LOCAL)

    @property
    def seats(self) -> list[str]:
        """Where the parties of each job have their homes. No two shards share any."""
        prefix = "{}of{}-".format(*self.shard) if self.shard else ""
        return [f"{prefix}{number}" for number in range(1, self.jobs + 1)]

    def share(self, cells: Sequence[T]) -> list[T]:
        """Every N-th of them. Raises InvalidInput where some shards would have none."""
        number, num_shards = self.shard or (1, 1)
        if num_shards > max(1, len(cells)):
            raise InvalidInput(
                f"--shard {number}/{num_shards}: the grid has {len(cells)} cells, so that some of {num_shards} shards "
                f"would have nothing to play: split it in {len(cells)} at most"
            )
        return list(cells[number - 1 :: num_shards])

    def cores(self, num_cells: int) -> int:
        """Of this machine, for each of so many cells; on a cluster one, which is what a task asks for there."""
        return 1 if self.is_on_cluster else max(1, num_cores() // min(self.jobs, max(1, num_cells)))

    def environment(self, num_cells: int) -> dict[str, str]:
        """Of a process that plays one cell at a time: that it has those cores and no more."""
        return {CORES: str(self.cores(num_cells))}


IN_TURN = Schedule()
