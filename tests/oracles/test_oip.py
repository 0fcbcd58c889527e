from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from model_server import CLASSES, SIZE, ModelServer, serving
from predict_api import party_credentials
from scipy.special import softmax

from leakdrill.errors import BudgetExhausted, InvalidInput, LeakdrillError, NotFound, PartyUnavailable
from leakdrill.oracles.oip import LiveOracle, Tls
from leakdrill.oracles.reading import OutputsAre, Reading

NUM_CLASSES = len(CLASSES)
IMAGES = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
MEANS = softmax(IMAGES.mean(axis=(1, 2)) / 255, axis=1)  # what `means` answers to IMAGES


def means(images: Any) -> Any:
    """Scores that tell each colour's mean, from channels first in 0:1."""
    return softmax(images.mean(axis=(2, 3)), axis=1).astype(np.float32)


def asked(server: ModelServer, model: str = "faces", budget: int = 100, **reading: Any) -> LiveOracle:
    return LiveOracle(server.address, model, NUM_CLASSES, budget, Reading(**reading))


def test_it_asks_in_the_models_own_form_and_counts() -> None:
    with serving(ModelServer(means)) as server, asked(server) as oracle:
        answer = oracle.query(IMAGES)
        assert server.received[0].shape == (5, 3, SIZE, SIZE)
        assert oracle.num_queries == 5
        assert answer.dtype == np.float32
        np.testing.assert_allclose(answer, MEANS, rtol=1e-5)
        np.testing.assert_array_equal(oracle.query(IMAGES, "label"), MEANS.argmax(axis=1))


@pytest.mark.parametrize("form", [{"extra": True}, {"typed": True}])
def test_answers_may_be_typed_and_have_company(form: dict[str, bool]) -> None:
    with serving(ModelServer(means, **form)) as server, asked(server) as oracle:
        np.testing.assert_allclose(oracle.query(IMAGES), MEANS, rtol=1e-5)


def test_answers_may_be_in_double_precision_whatever_the_metadata_says() -> None:
    with serving(ModelServer(lambda images: means(images).astype("<f8"))) as server, asked(server) as oracle:
        np.testing.assert_allclose(oracle.query(IMAGES), MEANS, rtol=1e-5)


def test_logits_become_scores() -> None:
    def logits(images: Any) -> Any:
        return 7 + images.mean(axis=(2, 3))

    with serving(ModelServer(logits)) as server, asked(server, outputs_are=OutputsAre.LOGITS) as oracle:
        np.testing.assert_allclose(oracle.query(IMAGES), MEANS, rtol=1e-5)


def test_a_model_of_bytes_gets_bytes() -> None:
    def of_bytes(images: Any) -> Any:
        return means(images.transpose(0, 3, 1, 2) / np.float32(255))

    server = ModelServer(of_bytes, datatype="UINT8", shape=(-1, SIZE, SIZE, 3))
    with serving(server), asked(server) as oracle:
        np.testing.assert_allclose(oracle.query(IMAGES), MEANS, rtol=1e-5)
        np.testing.assert_array_equal(server.received[0], IMAGES)


def test_a_model_that_takes_one_image_at_a_time_gets_one() -> None:
    with serving(ModelServer(means, shape=(1, 3, SIZE, SIZE))) as server, asked(server) as oracle:
        np.testing.assert_allclose(oracle.query(IMAGES), MEANS, rtol=1e-5)
        assert [len(images) for images in server.received] == [1] * 5


def test_progress_tells_how_many_examples_were_asked_about() -> None:
    said: list[tuple[float, str]] = []
    with serving(ModelServer(means, shape=(1, 3, SIZE, SIZE))) as server:
        watch = lambda *progress: said.append(progress)  # noqa: E731
        with LiveOracle(server.address, "faces", NUM_CLASSES, 100, progress=watch) as oracle:
            oracle.query(IMAGES[:2])
    assert said == [(0.5, "1 of 2 examples"), (1.0, "2 of 2 examples")]


def test_the_budget_is_never_over_spent() -> None:
    with serving(ModelServer(means)) as server, asked(server, budget=7) as oracle:
        oracle.query(IMAGES)
        with pytest.raises(BudgetExhausted, match=r"asked for 5 queries of .*/faces, 2 left of 7"):
            oracle.query(IMAGES)
        oracle.query(IMAGES[:2])
        assert (oracle.num_queries, len(server.received)) == (7, 2)


def test_an_output_of_two_is_chosen_by_name() -> None:
    outputs = (("probs", (-1, NUM_CLASSES)), ("embedding", (-1, 64)))
    with serving(ModelServer(means, outputs=outputs)) as server:
        with pytest.raises(InvalidInput, match=r"outputs \['embedding', 'probs'\]: choose one with --output"):
            asked(server)
        with asked(server, output="probs") as oracle:
            np.testing.assert_allclose(oracle.query(IMAGES), MEANS, rtol=1e-5)


def test_a_model_without_output_metadata_is_asked_by_name() -> None:
    with serving(ModelServer(means, outputs=())) as server:
        with asked(server, output="anything") as oracle:
            np.testing.assert_allclose(oracle.query(IMAGES), MEANS, rtol=1e-5)
        with pytest.raises(InvalidInput, match="choose one with --output"):
            asked(server)


def nan(images: Any) -> Any:
    return np.full((len(images), NUM_CLASSES), np.nan, "<f4")


def unnormalised(images: Any) -> Any:
    return np.full((len(images), NUM_CLASSES), 0.9, "<f4")


def too_wide(images: Any) -> Any:
    return np.full((len(images), NUM_CLASSES + 1), 0.25, "<f4")


def too_few(images: Any) -> Any:
    return means(images)[:-1]


@pytest.mark.parametrize(
    ("predict", "says"),
    [
        (nan, "probs has 15 NaN or infinite elements"),
        (unnormalised, "rows that sum to 2.7 to 2.7, wanted probabilities: say --outputs-are logits"),
        (too_wide, r"got probs FP32 \[5, 4\], wanted probs FP32 \[5, 3\]"),
        (too_few, r"got probs FP32 \[4, 3\], wanted probs FP32 \[5, 3\]"),
    ],
)
def test_answers_that_are_no_scores_are_refused(predict: Callable[[Any], Any], says: str) -> None:
    with (
        serving(ModelServer(predict)) as server,
        asked(server) as oracle,
        pytest.raises(InvalidInput, match=f"{oracle.name}: .*{says}"),
    ):
        oracle.query(IMAGES)


@pytest.mark.parametrize(
    ("server", "reading", "error", "says"),
    [
        (ModelServer(means), {"model": "other"}, NotFound, "/other: Model other not found"),
        (ModelServer(means), {"output": "scores"}, InvalidInput, r"no output 'scores', only \['probs'\]"),
        (
            ModelServer(means, outputs=(("probs", (-1, 10)),)),
            {},
            InvalidInput,
            r"probs \[-1, 10\], the folders have 3 classes",
        ),
        (ModelServer(means, outputs=(("probs", (-1,)),)), {}, InvalidInput, r"probs \[-1\]"),
        (ModelServer(means, datatype="BYTES", shape=(-1,)), {}, InvalidInput, r"the model's input is x BYTES \[-1\]"),
    ],
)
def test_a_model_that_is_not_as_wanted_is_refused_before_it_is_asked(
    server: ModelServer, reading: dict[str, Any], error: type[LeakdrillError], says: str
) -> None:
    with serving(server), pytest.raises(error, match=says):
        asked(server, **reading)
    assert server.received == []


def test_a_server_that_cannot_be_reached_is_named() -> None:
    with serving(ModelServer(means)) as server:
        pass
    with pytest.raises(PartyUnavailable, match=rf"{server.address}/faces: .*UNAVAILABLE"):
        asked(server)


def test_it_asks_over_mutual_tls(tmp_path: Path) -> None:
    credentials = party_credentials(tmp_path, "cbig", "adversary")["cbig"]
    tls = grpc.ssl_server_credentials([(credentials.key, credentials.cert)], credentials.ca, require_client_auth=True)
    own = tmp_path / "adversary"
    with serving(ModelServer(means), tls) as server:
        files = Tls(own / "ca.pem", own / "cert.pem", own / "key.pem")
        with LiveOracle(server.address, "faces", NUM_CLASSES, 100, tls=files) as oracle:
            np.testing.assert_allclose(oracle.query(IMAGES), MEANS, rtol=1e-5)
        with pytest.raises(PartyUnavailable):
            LiveOracle(server.address, "faces", NUM_CLASSES, 100, tls=Tls(own / "ca.pem"))
        with pytest.raises(PartyUnavailable):
            asked(server)


def test_tls_files_are_read_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"ca\.pem: No such file"):
        Tls(tmp_path / "ca.pem").credentials()
    with pytest.raises(InvalidInput, match="give both, or neither"):
        Tls(tmp_path / "ca.pem", cert=tmp_path / "cert.pem").credentials()
