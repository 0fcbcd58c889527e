"""A scenario's attack on a live endpoint that is no party of ours."""

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakdrill.cli.shell import OutOption, ScenarioArgument, SetOption, SmokeOption, new_run_dir, stdout
from leakdrill.errors import InvalidInput
from leakdrill.oracles.reading import InputRange, OutputsAre, Reading

if TYPE_CHECKING:
    from leakdrill.oracles.oip import Tls
    from leakdrill.referee.live import LiveGame


def attack(
    oip: Annotated[str, typer.Option("--oip", metavar="HOST:PORT", help="The endpoint's gRPC address.")],
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model there.")],
    challenge: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Whom to judge: class folders, or members/ and non_members/ with them."),
    ],
    scenario: ScenarioArgument = "quickstart",
    name: Annotated[
        str | None, typer.Argument(metavar="ATTACK", help="One of its attacks; default: its first that is possible.")
    ] = None,
    shadow: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Your own examples, none of them members: class folders.")
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Examples to ask about at most; default: the scenario's query_budget."),
    ] = None,
    out: OutOption = None,
    settings: SetOption = None,
    smoke: SmokeOption = False,
    device: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="Where shadow models are trained; default: auto.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model's output by class; default: its only one.")
    ] = None,
    outputs_are: Annotated[OutputsAre, typer.Option(help="What that output is.")] = OutputsAre.SCORES,
    image_size: Annotated[
        int | None, typer.Option(min=1, max=1024, metavar="PIXELS", help="Of a model that takes any size.")
    ] = None,
    input_range: Annotated[
        InputRange | None, typer.Option(help="Pixel values of a model that takes floats; default: 0:1.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(metavar="FILE", help="Trust this authority; default: no TLS.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Your certificate, if it wants one.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key.")] = None,
) -> None:
    """Take a scenario's attack to a live model server that speaks the Open Inference Protocol.

    The i-th class folder, in sorted order, is the model's class i. Your endpoint, or one that you may attack.

    \b
    leakdrill attack --oip localhost:8081 --model faces --challenge photos/asked
    leakdrill attack quickstart entropy --oip localhost:8081 --model faces
      --challenge photos/asked --shadow photos/own --budget 5000
    """
    import torch

    from leakdrill.models.device import choose
    from leakdrill.oracles.oip import LiveOracle
    from leakdrill.referee.console import observe

    tls = _tls(tls_ca, tls_cert, tls_key)
    settings = [*(settings or ()), *([f"adversary.device={device}"] if device else ())]
    game = _game(scenario, name, settings, smoke, challenge, shadow)
    budget = game.scenario.adversary.query_budget if budget is None else budget
    game.check_budget(budget)
    files, attacked = game.challenge.files, game.attack
    run_dir = new_run_dir(out, f"oip-{re.sub('[^A-Za-z0-9._-]+', '-', model)}")
    reading = Reading(output, outputs_are, image_size, input_range)
    choose(game.scenario.adversary.device, "adversary.device")
    torch.set_num_threads(1)  # as in a party: the same scores bit for bit
    with observe(stdout()) as observer:
        watch = partial(observer.progress, "endpoint")
        with LiveOracle(oip, model, len(files.classes), budget, reading, tls, watch) as oracle:
            run_dir.mkdir(parents=True, exist_ok=True)  # now: answers that cannot be kept must not be paid for
            observer.step(0, 1, f"attack {attacked.name}: {attacked.kind} on {oracle.name}")
            try:
                played = game.play(oracle, partial(observer.progress, "adversary"))
            except BaseException:
                run_dir.rmdir()
                raise
        played.save(run_dir, files)
        if played.results:
            observer.finished(played.results)
        observer.note(
            f"{run_dir}: scores of {len(files.paths):,} examples, by {oracle.num_queries:,} queries; that is our own "
            "count, for the endpoint keeps none for us"
        )


def _game(
    scenario: str, name: str | None, settings: list[str] | None, smoke: bool, challenge: Path, shadow: Path | None
) -> "LiveGame":
    """The attack and its folders, checked before anything is asked."""
    from leakdrill.referee.folders import check_classes, check_distinct, read_challenge, read_shadow
    from leakdrill.referee.live import LiveGame, choose_attack
    from leakdrill.scenario.loading import load_scenario

    played = load_scenario(scenario, settings or [], smoke=smoke).scenario
    attacked = choose_attack(played, name, has_shadow=shadow is not None)
    judged = read_challenge(challenge)
    own = read_shadow(shadow) if shadow else None
    if shadow and own:
        check_classes({challenge: judged.files.classes, shadow: own.classes})
    check_distinct(judged.files, own)
    return LiveGame(played, attacked, judged, own)


def _tls(ca: Path | None, cert: Path | None, key: Path | None) -> "Tls | None":
    from leakdrill.oracles.oip import Tls

    if ca is None and (cert or key):
        raise InvalidInput(
            "--tls-cert and --tls-key need --tls-ca: whom to trust (a system's own: ca-certificates.crt)"
        )
    return Tls(ca, cert, key) if ca else None
