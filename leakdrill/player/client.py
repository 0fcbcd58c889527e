"""You are the adversary: ask a model about the challenge, and say of each example whether it was trained on.

    pip install "tritonclient[grpc]" numpy
    python client.py             ask the model, write scores.csv beside this file
    python client.py --submit    ... and hand it in, which you can do a few times only

This is the plainest attack there is: a model is surer of what it was trained on. Change `score`, and do better.
"""

import csv
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

HERE = Path(__file__).resolve().parent
GAME = json.loads((HERE / "game.json").read_text())  # who is attacked, where it answers, what you know
BATCH = 64  # examples in one request


def main() -> None:
    challenge = np.load(HERE / "challenge.npz")  # ids (N,), inputs (N, ...), labels (N,): in random order
    answers = ask(GAME["victim"], challenge["inputs"])
    scores = score(answers, challenge["labels"])
    write(challenge["ids"], scores)
    if "--submit" in sys.argv[1:]:
        print(submit())
    else:
        print(f"wrote {HERE / 'scores.csv'}; hand it in as README.md says")
    for kept in HERE.glob("answers-*.npy"):  # the next time the model is asked anew
        kept.unlink()


def score(answers: Any, labels: Any) -> Any:
    """One number (N,) for each example, higher: more likely a member of the training set.

    `answers` are class probabilities (N, C), or labels (N,) where the model gives away no more. What you try here can
    be tried on your own data first: shadow_train.npz and shadow_test.npz, if you have them, hold no member.
    """
    if answers.ndim == 1:
        return (answers == labels).astype(float)
    if GAME["members_by"] == "identity":  # the labels are people's, and none of them need be a class of the model
        return answers.max(axis=1)
    return answers[np.arange(len(labels)), labels]


def ask(model: str, inputs: Any) -> Any:
    """What the model answers to each of `inputs` (N, ...). Every example is counted against your budget.

    What was answered is kept until all is done: where a run broke off before, this one goes on.
    """
    asked = zlib.crc32(f"{GAME['player']} {model}".encode() + inputs.tobytes())
    kept = HERE / f"answers-{asked:08x}.npy"
    client = connect(model)
    name = GAME["models"][model]["name"]
    described = client.get_model_metadata(name)
    output = described.outputs[0].name
    answers = [np.load(kept)] if kept.exists() else []
    for start in range(sum(map(len, answers)), len(inputs), BATCH):
        batch = inputs[start : start + BATCH]
        tensor = InferInput(described.inputs[0].name, list(batch.shape), described.inputs[0].datatype)
        tensor.set_data_from_numpy(batch)
        answers.append(infer(client, name, tensor, output))
        np.save(kept, np.concatenate(answers))
        print(f"\rasked about {start + len(batch)} of {len(inputs)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return np.concatenate(answers)


def infer(client: Any, model: str, tensor: Any, output: str) -> Any:
    """One batch; again after a moment while others keep the model busy. Any other refusal says what is wrong."""
    for wait_seconds in (0.2, 0.5, 1, 2, 5, 10, 20, 0):
        try:
            return client.infer(model, [tensor], outputs=[InferRequestedOutput(output)]).as_numpy(output)
        except InferenceServerException as error:
            is_busy = any(sign in str(error) for sign in ("Concurrent RPC limit", "calls under way", "a second: ask"))
            if not is_busy:
                sys.exit(f"\n{error}")
            time.sleep(wait_seconds)
    sys.exit("\nthe model is too busy: try again later, and it goes on from here")


def connect(model: str) -> Any:
    """By mutual TLS: your certificate says who you are, and so whose budget pays."""
    return InferenceServerClient(
        GAME["models"][model]["address"],
        ssl=True,
        root_certificates=str(HERE / "ca.pem"),
        private_key=str(HERE / "key.pem"),
        certificate_chain=str(HERE / "cert.pem"),
    )


def write(ids: Any, scores: Any) -> None:
    """scores.csv. A third column `decision` (1: a member, 0: not) is yours to add.

    Without it, the half with the higher scores is called members.
    """
    with (HERE / "scores.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "score"])
        rows.writerows(zip(ids.tolist(), scores.tolist(), strict=True))


def submit() -> str:
    """Hands scores.csv in, with your certificate, and says what the referee answers."""
    if not GAME["submit"]:
        sys.exit("this run takes scores by `leakdrill submit` alone: see README.md")
    tls = ssl.create_default_context(cafile=HERE / "ca.pem")
    tls.load_cert_chain(HERE / "cert.pem", HERE / "key.pem")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
    request = urllib.request.Request(GAME["submit"], data=(HERE / "scores.csv").read_bytes(), method="POST")
    try:
        with direct.open(request, timeout=60) as answer:
            return str(answer.read().decode()).strip()
    except urllib.error.HTTPError as refused:
        sys.exit(refused.read().decode().strip())
    except OSError as error:
        sys.exit(f"{GAME['submit']} does not answer ({error}): try again, the model is asked nothing anew")


if __name__ == "__main__":
    main()
