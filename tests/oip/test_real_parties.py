"""Clients that are not ours against cbig and csmall of a real drill, each with the adversary's certificate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clients import buf_curl, tritonclient
from small import SMALL, small

from leakdrill import Drill
from leakdrill.referee.local import LocalParties

pytestmark = pytest.mark.slow

NUM_PHOTOS = 6
PUBLIC = [("cbig", "source"), ("csmall", "recognition")]


@pytest.fixture(scope="module")
def in_a_drill(parties: LocalParties, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalParties]:
    """Their models are trained and their public APIs open, and nobody has attacked yet."""
    api = {"outputs": ["scores", "logits", "label"]}
    cbig, csmall = ({**SMALL[party], "api": api} for party in ("cbig", "csmall"))
    scenario = small(cbig=cbig, csmall=csmall, timeline=["train_source"], expect=[])
    with Drill(scenario, out=tmp_path_factory.mktemp("drill") / "run", parties=parties) as drill:
        drill.train_source()
        drill.release()
        drill.adapt()
        drill.open_public_apis()
        yield parties


@pytest.mark.parametrize(("party", "model"), PUBLIC)
@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_tritonclient_asks_every_public_model(
    in_a_drill: LocalParties, tmp_path: Path, party: str, model: str, kind: str
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (NUM_PHOTOS, 16, 16, 3), dtype=np.uint8)
    report = tritonclient(
        kind, in_a_drill.addresses[f"{party}/public"], in_a_drill.credentials_dir("adversary"), model, images, tmp_path
    )
    assert report["server"]["name"] == party
    assert report["model_ready"] == [True, False]
    shapes = {output["name"]: output["shape"] for output in report["model"]["outputs"]}
    num_classes = int(shapes["scores"][1])
    assert report["raw"] == report["typed"] == report["each"]
    scores, logits = (np.array(report["raw"][name], np.float32) for name in ("scores", "logits"))
    assert scores.shape == logits.shape == (NUM_PHOTOS, num_classes)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    assert report["raw"]["label"] == logits.argmax(axis=1).tolist()
    statuses: list[Any] = [status for status, _ in [*report["mistakes"].values(), *report["typed_mistakes"].values()]]
    assert set(statuses) == {"NOT_FOUND", "INVALID_ARGUMENT", "PERMISSION_DENIED"}


@pytest.mark.parametrize(("party", "model"), PUBLIC)
def test_buf_curl_finds_its_way_by_reflection(in_a_drill: LocalParties, tmp_path: Path, party: str, model: str) -> None:
    address = in_a_drill.addresses[f"{party}/public"]
    listed = buf_curl(in_a_drill.credentials_dir("adversary"), address, "--list-services", scratch=tmp_path)
    assert "inference.GRPCInferenceService" in listed.split()
    url = f"{address}/inference.GRPCInferenceService/ModelMetadata"
    described = buf_curl(in_a_drill.credentials_dir("adversary"), url, "-d", f'{{"name": "{model}"}}', scratch=tmp_path)
    assert '"platform": "leakdrill"' in described
