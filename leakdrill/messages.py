"""leakdrill.v1 messages and the values they carry, in pairs: what one function writes the other reads."""

import json

import numpy as np

from leakdrill.artefact import Artefact
from leakdrill.attacks.base import Verdict
from leakdrill.errors import InvalidInput
from leakdrill.pb import adversary_pb2, artefact_pb2, party_pb2
from leakdrill.trained import Trained, digest


def progress_message(progress: tuple[float, str]) -> party_pb2.Progress:
    fraction, message = progress
    return party_pb2.Progress(fraction=fraction, message=message)


def artefact_part(part: str | bytes) -> artefact_pb2.ArtefactPart:
    if isinstance(part, str):
        return artefact_pb2.ArtefactPart(description_json=part)
    return artefact_pb2.ArtefactPart(chunk=part)


def part_of(message: artefact_pb2.ArtefactPart) -> str | bytes:
    return message.description_json if message.WhichOneof("part") == "description_json" else message.chunk


def artefact_receipt(artefact: Artefact) -> artefact_pb2.ArtefactReceipt:
    return artefact_pb2.ArtefactReceipt(
        name=artefact.description.name,
        size_bytes=sum(tensor.nbytes for tensor in artefact.weights.values()),
        sha256=digest(artefact.weights),
        blocks=artefact.description.blocks,
    )


def train_report(model: str, trained: Trained) -> party_pb2.TrainReport:
    evaluations = [
        party_pb2.Evaluation(
            split=split,
            num_correct=evaluation.num_correct,
            num_examples=evaluation.num_examples,
            mean_loss=evaluation.mean_loss,
        )
        for split, evaluation in trained.evaluations.items()
    ]
    return party_pb2.TrainReport(
        model=model,
        evaluations=evaluations,
        seconds=trained.seconds,
        from_cache=trained.from_cache,
        best_epoch=trained.best_epoch,
        weights_sha256=trained.weights_sha256,
    )


def verdict_message(verdict: Verdict, seconds: float) -> adversary_pb2.Verdict:
    return adversary_pb2.Verdict(
        scores=verdict.scores.astype("<f8").tobytes(),
        decisions=verdict.decisions.astype(np.uint8).tobytes(),
        seconds=seconds,
        notes_json=json.dumps(verdict.notes),
    )


def verdict_of(message: adversary_pb2.Verdict, num_examples: int) -> Verdict:
    """The verdict on `num_examples` of the challenge. InvalidInput when it has another length or is not finite."""
    if len(message.scores) != 8 * num_examples or len(message.decisions) != num_examples:
        raise InvalidInput(
            f"the verdict has {len(message.scores) // 8} scores and {len(message.decisions)} decisions, "
            f"wanted {num_examples} of each: one per challenge example"
        )
    scores = np.frombuffer(message.scores, "<f8").astype(np.float64)
    if not np.isfinite(scores).all():
        raise InvalidInput(f"{(~np.isfinite(scores)).sum()} of {num_examples} scores are not finite")
    return Verdict(scores, np.frombuffer(message.decisions, np.uint8).astype(bool), json.loads(message.notes_json))
