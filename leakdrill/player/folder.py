"""A player's folder: what the scenario grants the adversary, as files that NumPy reads, and nothing of the truth."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save

from leakdrill.data.splits import Split
from leakdrill.errors import AccessDenied
from leakdrill.models.artefact import Artefact
from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect, remote_errors
from leakdrill.parties.messages import part_of
from leakdrill.pb.target_pb2 import ExfiltrateRequest
from leakdrill.pb.target_pb2_grpc import ExfiltrationServiceStub
from leakdrill.player.scores import opaque_ids
from leakdrill.player.seats import Seat
from leakdrill.referee.local import LocalParties
from leakdrill.referee.stage import Stage, playable_by_hand

CLIENT = Path(__file__).with_name("client.py")
PRIVATE = ("ca.pem", "cert.pem", "key.pem")

README = """\
You are "{name}", and play the adversary. Which of the {num_examples:,} examples of challenge.npz did the model
train on? Half of them, and its owner will not say.

    python client.py            asks {victim} about all of them, and writes scores.csv
    {submit}

client.py needs tritonclient[grpc] and numpy alone. It is yours to change: begin with the function `score`.

{files}
You may ask each model about {budget:,} examples; one that is asked twice counts twice. You may hand in {most}
submission{s}; the answer is an AUC in hundredths, 0.5 for a guess. key.pem makes you who you are: show it to nobody.
"""

_TOLD = {
    "challenge": "ids, inputs, labels: whom to tell apart",
    "shadow_train": "inputs and labels of your own examples, none of them a member",
    "shadow_test": "as many again",
    "teacher_train": "examples of the source task, none of them a member",
    "target_train": "csmall's own training data",
    "source_public": "public examples that a defence starts from",
}


def write_folders(stage: Stage, seats: tuple[Seat, ...], submit_url: str | None, is_breached: bool) -> None:
    """A folder for each seat, below the run's; what a player has changed there (client.py) or made stays.

    `submit_url`: where scores can be handed in from afar. `is_breached`: there is something to copy now; what was
    copied before a revoke is in the folders, too.
    """
    parties, splits = playable_by_hand(stage.parties), stage.seat.config.splits
    first = stage.run_dir / seats[0].folder
    first.mkdir(mode=0o700, exist_ok=True)
    for name in splits:
        np.savez_compressed(first / f"{name}.npz", **_arrays(stage, name))
    leaked = copy_of_leak(parties) if is_breached else stage.leaked
    for seat in seats:
        folder = stage.run_dir / seat.folder
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder != first:
            for name in splits:
                shutil.copyfile(first / f"{name}.npz", folder / f"{name}.npz")
        if leaked:
            (folder / "leaked.json").write_text(leaked.description.model_dump_json(indent=2))
            (folder / "leaked.safetensors").write_bytes(save(leaked.weights))
        for file in PRIVATE:
            shutil.copy(parties.credentials_dir(seat.caller) / file, folder / file)
        (folder / "game.json").write_text(json.dumps(_game(stage, seat, submit_url), indent=2))
        if not (folder / CLIENT.name).exists():
            shutil.copyfile(CLIENT, folder / CLIENT.name)
        (folder / "README.md").write_text(_readme(stage, seat, submit_url, splits, bool(leaked)))


def _arrays(stage: Stage, name: str) -> dict[str, Any]:
    split: Split = stage.cards.splits[name]
    inputs = np.stack([split.form.decode(file) for file, _ in split.encoded()])
    arrays = {"inputs": inputs, "labels": split.labels}
    return {"ids": np.array(opaque_ids(stage.split_key, len(split))), **arrays} if name == "challenge" else arrays


def _game(stage: Stage, seat: Seat, submit_url: str | None) -> dict[str, Any]:
    """What the adversary is told of the scenario, in words that need no leakdrill."""
    config = stage.seat.config
    models = {name: {"address": at, "name": name.partition("/")[2]} for name, at in config.oracles.items()}
    known = config.model_dump(mode="json", include={"architecture", "transfer_method", "defences"})
    return {
        "player": seat.name,
        "victim": config.victim,
        "models": models,
        "num_classes": config.num_classes,
        "members_by": stage.scenario.data.challenge.members_by,
        "query_budget": stage.scenario.adversary.query_budget,
        "submissions": seat.most,
        "submit": submit_url,
        **known,
    }


def _readme(stage: Stage, seat: Seat, submit_url: str | None, splits: list[str], has_leak: bool) -> str:
    named = f" --name {seat.name}" if seat.is_step else ""
    by_hand = f"leakdrill submit .. scores.csv{named}    hands them in, where leakdrill is installed"
    files = {f"{name}.npz": _TOLD.get(name, "examples") for name in splits}
    files["game.json"] = "who is attacked and where, and what you know of it"
    if has_leak:
        files["leaked.safetensors"] = "what leaked from csmall; leaked.json says what it is"
    files["cert.pem, key.pem"] = "your certificate"
    return README.format(
        name=seat.name,
        num_examples=len(stage.cards.splits["challenge"]),
        victim=stage.seat.config.victim,
        submit="python client.py --submit    ... and hands it in" if submit_url else by_hand,
        files="".join(f"    {name:<22}{what}\n" for name, what in files.items()),
        budget=stage.scenario.adversary.query_budget,
        most=seat.most,
        s="s" if seat.most > 1 else "",
    )


def copy_of_leak(parties: LocalParties) -> Artefact | None:
    """As the adversary takes it: through csmall's exfiltration channel, with the adversary's certificate.

    None when the channel is shut again.
    """
    own = Credentials.load(parties.credentials_dir("adversary"))
    try:
        with connect(parties.addresses["csmall/exfiltration"], own, "csmall") as channel, remote_errors("csmall"):
            responses = ExfiltrationServiceStub(channel).Exfiltrate(ExfiltrateRequest())
            return Artefact.from_parts(part_of(response.part) for response in responses)
    except AccessDenied:
        return None
