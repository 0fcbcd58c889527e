"""A leak, and what the companies do about it in mid-drill: close it, and put other defences before their APIs.

Both come late: what was copied before a revoke stays copied, and what was asked before a defence was switched in has
been answered.
"""

from leakdrill.pb.party_pb2 import DRILL_STATE_BREACHED, DRILL_STATE_OPEN
from leakdrill.player.folder import copy_of_leak
from leakdrill.referee.local import LocalParties
from leakdrill.referee.stage import Stage
from leakdrill.results import BreachResult, ResponseResult
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.standing import defences_of_victim
from leakdrill.scenario.steps import Breach, Defend


def leak(stage: Stage, breach: Breach) -> BreachResult:
    """csmall's exfiltration channel opens, and the adversary takes what it offers."""
    stage.csmall.transition(DRILL_STATE_BREACHED, breach)
    receipt = stage.adversary.loot()
    result = BreachResult(
        artefact=receipt.name,
        channel=breach.channel,
        blocks=list(receipt.blocks),
        size_bytes=receipt.size_bytes,
        sha256=receipt.sha256,
    )
    stage.journal.append("breached", **result.model_dump())
    return stage.judge.breach(result)


def revoke(stage: Stage, number: int) -> ResponseResult:
    """The channel is shut; then every party gets a certificate of a new authority, and refuses those of the old one.

    Of parties that somebody else started, certificates are that somebody's to renew: the result says that they are not.
    """
    if isinstance(stage.parties, LocalParties):  # people may play the adversary, who has a copy by now
        stage.leaked = copy_of_leak(stage.parties)
    stage.csmall.transition(DRILL_STATE_OPEN)
    is_renewed = stage.parties.renew_certificates()
    if is_renewed:
        for client in stage.clients:
            client.renew(stage.parties.credentials)
    response = ResponseResult(kind="revoke", party="csmall", step=number, certificates_renewed=is_renewed)
    stage.journal.append("revoked", certificates_renewed=is_renewed)
    return stage.judge.response(response)


def switch_in(stage: Stage, defend: Defend, number: int, scenario: Scenario) -> ResponseResult:
    """A company's defences from now on; `scenario` as it is then. An adversary who may know them is told."""
    owner = {"cbig": stage.cbig, "csmall": stage.csmall}[defend.party]
    owner.defend(defend)
    if scenario.adversary.knows.defences:
        stage.seat.learn(defences_of_victim(scenario))
    kinds = tuple(defence.kind for defence in defend.defences)
    stage.journal.append("defended", party=defend.party, defences=list(kinds))
    result = ResponseResult(kind="defend", party=defend.party, step=number, defences=kinds)
    return stage.judge.response(result, scenario)
