"""leakdrill.v1 messages and the values they carry, in pairs: what one function writes the other reads."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.base import Verdict
from leakdrill.data.forms import Form, ImageForm, RowForm
from leakdrill.errors import InvalidInput
from leakdrill.models.artefact import Artefact
from leakdrill.models.trained import Trained, digest
from leakdrill.models.verification import Calibration
from leakdrill.pb import adversary_pb2, artefact_pb2, party_pb2, target_pb2

MAX_NOTES_LENGTH = 16 << 20  # characters; they go to the journal and to the results
MAX_PROGRESS_LENGTH = 200
MAX_BUDGETS = 32  # of which a verdict has scores: each is judged


def progress_message(progress: tuple[float, str]) -> party_pb2.Progress:
    fraction, message = progress
    return party_pb2.Progress(fraction=fraction, message=message)


def progress_of(message: party_pb2.Progress) -> tuple[float, str]:
    """The fraction, from 0 to 1, and a line that can be shown, whatever was sent."""
    fraction = min(max(message.fraction, 0.0), 1.0) if math.isfinite(message.fraction) else 0.0
    return fraction, "".join(each for each in message.message[:MAX_PROGRESS_LENGTH] if each.isprintable())


def split_header(split: str, form: Form, num_examples: int, digest: str) -> party_pb2.SplitHeader:
    header = party_pb2.SplitHeader(split=split, num_examples=num_examples, digest=digest)
    if isinstance(form, ImageForm):
        header.image_size = form.image_size
    else:
        header.num_features = form.num_features
    return header


def form_of(header: party_pb2.SplitHeader) -> Form:
    """Raises InvalidInput for an impossible one."""
    is_row = header.WhichOneof("form") == "num_features"
    return RowForm(header.num_features) if is_row else ImageForm(header.image_size)


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
        notes_json=json.dumps(dict(trained.notes)),
    )


def verification_report(calibration: Calibration) -> target_pb2.VerificationReport:
    return target_pb2.VerificationReport(**asdict(calibration))


def calibration_of(message: target_pb2.VerificationReport) -> Calibration:
    return Calibration(**{field.name: getattr(message, field.name) for field in fields(Calibration)})


def verdict_message(verdict: Verdict, seconds: float) -> adversary_pb2.Verdict:
    return adversary_pb2.Verdict(
        scores=verdict.scores.astype("<f8").tobytes(),
        decisions=verdict.decisions.astype(np.uint8).tobytes(),
        seconds=seconds,
        notes_json=json.dumps(verdict.notes),
        by_queries=[
            adversary_pb2.ScoresWithin(queries=queries, scores=scores.astype("<f8").tobytes())
            for queries, scores in sorted(verdict.by_queries.items())
        ],
        abstained=b"" if verdict.abstained is None else verdict.abstained.astype(np.uint8).tobytes(),
    )


def verdict_of(message: adversary_pb2.Verdict, num_examples: int) -> Verdict:
    """The verdict on `num_examples` of the challenge. InvalidInput when it has another length or is not finite.

    It comes from the adversary, who may be hostile: its notes and its seconds are checked, too.
    """
    if len(message.scores) != 8 * num_examples or len(message.decisions) != num_examples:
        raise InvalidInput(
            f"the verdict has {len(message.scores) // 8} scores and {len(message.decisions)} decisions, "
            f"wanted {num_examples} of each: one per challenge example"
        )
    scores = _scores(message.scores)
    if not (math.isfinite(message.seconds) and message.seconds >= 0):
        raise InvalidInput(f"the verdict took {message.seconds} seconds, wanted a finite number of them")
    decisions = np.frombuffer(message.decisions, np.uint8).astype(bool)
    within = _by_queries(message.by_queries, num_examples)
    return Verdict(scores, decisions, _notes(message.notes_json), within, _abstained(message.abstained, num_examples))


def _scores(raw: bytes) -> NDArray[np.float64]:
    scores = np.frombuffer(raw, "<f8").astype(np.float64)
    if not np.isfinite(scores).all():
        raise InvalidInput(f"{(~np.isfinite(scores)).sum()} of {len(scores)} scores are not finite")
    return scores


def _abstained(raw: bytes, num_examples: int) -> NDArray[np.bool_] | None:
    """None where the attack abstains from nothing."""
    if raw and len(raw) != num_examples:
        raise InvalidInput(f"the verdict abstains from {len(raw)} examples, wanted one byte for each of {num_examples}")
    abstained = np.frombuffer(raw, np.uint8).astype(bool)
    return abstained if abstained.any() else None


def _by_queries(messages: Sequence[adversary_pb2.ScoresWithin], num_examples: int) -> dict[int, NDArray[np.float64]]:
    budgets = [message.queries for message in messages[: MAX_BUDGETS + 1]]
    if len(budgets) > MAX_BUDGETS or budgets != sorted(set(budgets)) or 0 in budgets:
        raise InvalidInput(
            f"the verdict has scores for {len(messages)} budgets, {str(budgets[:10])[:100]} the first of them, wanted "
            f"at most {MAX_BUDGETS} of 1 or more queries, in rising order"
        )
    if wrong := [message for message in messages if len(message.scores) != 8 * num_examples]:
        raise InvalidInput(
            f"the verdict has {len(wrong[0].scores) // 8} scores for {wrong[0].queries} queries per example, wanted "
            f"{num_examples}: one per challenge example"
        )
    return {message.queries: _scores(message.scores) for message in messages}


def _notes(text: str) -> dict[str, Any]:
    if len(text) > MAX_NOTES_LENGTH:
        raise InvalidInput(f"the verdict's notes have {len(text)} characters, wanted at most {MAX_NOTES_LENGTH}")
    try:
        notes = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the verdict's notes are not JSON: {error}") from error
    if not isinstance(notes, dict):
        raise InvalidInput(f"the verdict's notes are a {type(notes).__name__}, wanted a mapping")
    return notes
