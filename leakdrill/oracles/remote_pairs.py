"""Face verification over the Open Inference Protocol: the three models of leakdrill/parties/publish_verification.py."""

from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from leakdrill.network.identity import Credentials
from leakdrill.network.wire import MAX_EXAMPLES
from leakdrill.oracles.answers import Answers
from leakdrill.oracles.oracle import Output
from leakdrill.oracles.pairs import Handles, Images
from leakdrill.oracles.remote import RemoteModel

NUM_IMAGES = 256  # in a request, or half as many pairs


class RemotePairs:
    """A `PairOracle`. Also a context manager, which closes its channels; raises as RemoteModel does."""

    def __init__(
        self, name: str, address: str, credentials: Credentials, scope: str = "", answers: Answers | None = None
    ) -> None:
        """`name` is "<party>/verification"; for the others see RemoteModel.

        Enrolling is not answered from what was kept: should the party have forgotten a face, it is told it again, and
        free under its key.
        """
        self.name = name
        party = name.partition("/")[0]
        with ExitStack() as stack:

            def model(form: str, batch_size: int, num_inputs: int, kept: Answers | None) -> RemoteModel:
                full_name, its_scope = f"{party}/{form}", scope and f"{scope}/{form}"
                return stack.enter_context(
                    RemoteModel(full_name, address, credentials, batch_size, its_scope, kept, num_inputs)
                )

            self._images = model("verification", NUM_IMAGES // 2, 2, answers)
            self._enrolment = model("enrolment", NUM_IMAGES, 1, None)
            self._enrolled = model("verification_enrolled", MAX_EXAMPLES, 2, answers)
            self._channels = stack.pop_all()
        self.outputs = self._images.outputs

    def distances(self, first: Images, second: Images, output: Output = "distance") -> NDArray[np.float32]:
        return self._images.ask([first, second], output).astype(np.float32)

    def enrol(self, images: Images) -> Handles:
        return self._enrolment.ask([images], "face")

    def distances_of(self, first: Handles, second: Handles, output: Output = "distance") -> NDArray[np.float32]:
        return self._enrolled.ask([first, second], output).astype(np.float32)

    def __enter__(self) -> "RemotePairs":
        return self

    def __exit__(self, *exception: object) -> None:
        self._channels.close()
