"""Dealing: each party is told its own part of the scenario and handed its own examples, and nothing else."""

import json
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from typing import Any

from leakdrill.archs import fitting
from leakdrill.archs.graph import Graph
from leakdrill.archs.own import Own
from leakdrill.attacks.base import Attack
from leakdrill.cores import default_workers, num_cores
from leakdrill.data.pictures import damage_by_name
from leakdrill.data.splits import Deal, Split, deal
from leakdrill.defences.top_k import TopK
from leakdrill.errors import ScenarioError
from leakdrill.parties.config import AdversaryConfig, CbigConfig, CsmallConfig, PartyConfig
from leakdrill.pb.party_pb2 import TrainReport
from leakdrill.referee.clients import PartyClient
from leakdrill.referee.folds import Fold, make_folds
from leakdrill.referee.question import question
from leakdrill.scenario.data import Data
from leakdrill.scenario.holdings import held_splits
from leakdrill.scenario.in_force import in_force
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.standing import defences_of_victim
from leakdrill.scenario.steps import AttackStep, DefendStep
from leakdrill.seeds import derive
from leakdrill.shadows.guarding import num_held_out
from leakdrill.spec import from_json

READ_AHEAD_EXAMPLES = 20_000


@lru_cache(maxsize=1)  # the cells of a grid mostly share their data
def dealt(data_json: str, split_key: str) -> Deal:
    """The deal of a data section, its files already read if they are few.

    One request for all of them, since a renderer spreads one large request over all cores.
    """
    made = deal(Data.model_validate_json(data_json), split_key)
    sources = {id(split.source): split.source for split in made.splits.values()}
    for key, source in sources.items():
        needed = {int(index) for split in made.splits.values() if id(split.source) == key for index in split.indices}
        if len(needed) <= READ_AHEAD_EXAMPLES:
            deque(source.encoded(sorted(needed)), maxlen=0)
    return made


def party_configs(
    scenario: Scenario,
    deal: Deal,
    addresses: Mapping[str, str],
    drill_id: str,
    split_key: str,
    spent: Mapping[str, int],
) -> dict[str, PartyConfig]:
    """What each party is told. The adversary's knowledge is what `adversary.knows` grants, item by item.

    spent: queries by model, "cbig/source", that are gone from the adversary's budget before anything is asked.
    """

    def spent_at(party: str) -> dict[str, int]:
        return {model.partition("/")[2]: count for model, count in spent.items() if model.startswith(f"{party}/")}

    knows, budget, form = scenario.adversary.knows, scenario.adversary.query_budget, deal.form
    source_model = scenario.cbig.source_model
    source_model = source_model.model_copy(update={"arch": fitting(source_model.arch, form)})
    oracles = {"cbig/source": addresses["cbig/public"]}
    oracles |= {f"csmall/{name}": addresses["csmall/public"] for name in scenario.csmall.apis}
    return {
        "cbig": CbigConfig(
            drill_id=drill_id,
            seed=derive(scenario.seed, "cbig"),
            secret=derive(split_key, "defences", "cbig"),
            num_classes=deal.num_classes,
            form=form,
            source_model=source_model,
            releases=scenario.cbig.releases,
            release_defences=scenario.cbig.release_defences,
            api=scenario.cbig.api,
            query_budget=budget,
            spent=spent_at("cbig"),
            device=scenario.cbig.device,
        ),
        "csmall": CsmallConfig(
            drill_id=drill_id,
            seed=derive(scenario.seed, "csmall"),
            secret=derive(split_key, "defences", "csmall"),
            num_classes=deal.num_target_classes,
            form=form,
            target_model=scenario.csmall.target_model,
            apis=list(scenario.csmall.apis),
            api=scenario.csmall.api,
            verification=scenario.csmall.verification,
            query_budget=budget,
            spent=spent_at("csmall"),
            device=scenario.csmall.device,
            cbig_address=addresses.get("cbig/contract", addresses["cbig/private"]),
        ),
        "adversary": AdversaryConfig(
            drill_id=drill_id,
            seed=derive(scenario.seed, "adversary"),
            num_classes=deal.num_classes if deal.members_of == "source" else deal.num_target_classes,
            form=form,
            victim=scenario.data.challenge.victim,
            splits=splits_of("adversary", scenario, deal),
            oracles=oracles,
            exfiltration_address=addresses["csmall/exfiltration"],
            architecture=source_model.arch if knows.architecture and not isinstance(source_model.arch, Own) else None,
            transfer_method=scenario.csmall.target_model.transfer if knows.transfer_method else None,
            defences=defences_of_victim(scenario) if knows.defences else None,
            num_workers=scenario.adversary.workers or default_workers(num_cores()),
            device=scenario.adversary.device,
        ),
    }


def with_architecture(config: AdversaryConfig, report: TrainReport) -> AdversaryConfig:
    """The adversary's configuration, now that cbig has said what its own model is made of, layer by layer."""
    notes = from_json(dict[str, Any], report.notes_json, "cbig's report")
    graph = from_json(Graph, json.dumps(notes.get("architecture")), "cbig's architecture")
    return config.model_copy(update={"architecture": graph})


def check_pools(scenario: Scenario, deal: Deal) -> None:
    """Raises ScenarioError for an attack whose shadow sets are larger than the pools they are drawn from."""
    attacks = [
        (step.attack, defences_of_victim(in_force(scenario, scenario.timeline[:index])).need_held_out)
        for index, step in enumerate(scenario.timeline)
        if isinstance(step, AttackStep)
    ]
    for (attack, need_held_out), pool in product(attacks, ("shadow_train", "shadow_test")):
        num_held = len(deal.splits[pool].labels) if pool in deal.splits else 0
        is_shared = pool == "shadow_test" and attack.draws_beside_held_out and need_held_out
        num_apart = num_held_out(num_held) if is_shared else 0
        if attack.shadow_set_size > num_held - num_apart:
            beside = f", of which {num_apart:,} are set apart for defended_shadows" if num_apart else ""
            raise ScenarioError(
                f"{attack.name}.shadow_size is {attack.shadow_set_size:,}, but {pool} has {num_held:,} examples"
                f"{beside}: lower it or raise data.splits.{pool}"
            )


def check_budget(scenario: Scenario, deal: Deal) -> None:
    """Raises ScenarioError when the attacks on one model announce more queries than its public API will answer."""
    num_examples, budget = len(deal.splits["challenge"].labels), scenario.adversary.query_budget
    attacks = [step.attack for step in scenario.timeline if isinstance(step, AttackStep)]
    most = scenario.repeats * sum(attack.most_queries(num_examples) for attack in attacks)
    if most > budget:
        raise ScenarioError(
            f"attacks on {scenario.data.challenge.victim} may ask up to {most:,} queries for {num_examples:,} examples "
            f"of the challenge, but adversary.query_budget is {budget:,}: raise it, or lower their queries per example"
        )


def folds_of(attack: Attack, scenario: Scenario, deal: Deal, split_key: str) -> list[Fold]:
    """The folds that an attack is played in, none for most. Raises ScenarioError when there are too few people."""
    if attack.folding is None:
        return []
    knows = scenario.adversary.knows
    granted = knows.labelled_attributes if attack.folding.attribute else knows.labelled_identities
    truth, is_known = question(attack, deal, deal.is_member)
    return make_folds(attack.folding, deal.splits["challenge"], truth, is_known, granted, split_key)


def check_folds(scenario: Scenario, deal: Deal, split_key: str) -> None:
    """Raises ScenarioError for an attack that cannot be played in its folds."""
    for step in scenario.timeline:
        if isinstance(step, AttackStep):
            folds_of(step.attack, scenario, deal, split_key)


def check_top_k(scenario: Scenario, deal: Deal) -> None:
    """Raises ScenarioError for a top_k that would show more classes than an API has."""
    num_classes_of = {"cbig": deal.num_classes}
    if deal.target_class_names:
        num_classes_of["csmall"] = deal.num_target_classes
    switched_in = [step.defend for step in scenario.timeline if isinstance(step, DefendStep)]
    for party, num_classes in num_classes_of.items():
        later = [defence for each in switched_in if each.party == party for defence in each.defences]
        for defence in [*getattr(scenario, party).api.defences, *later]:
            if isinstance(defence, TopK) and defence.k > num_classes:
                raise ScenarioError(
                    f"{party}.api.defences has top_k with k={defence.k}, but {party} answers with {num_classes} "
                    f"classes: set k to {num_classes - 1} or less"
                )


def splits_of(party: str, scenario: Scenario, deal: Deal) -> list[str]:
    """The splits that `party` is dealt in this scenario."""
    return [name for name in held_splits(party, scenario) if name in deal.splits]


def hand_out(client: PartyClient, config: PartyConfig, scenario: Scenario, deal: Deal) -> None:
    """Configure a party and send it the splits that are not on its disk yet."""
    give(client, config, {name: deal.splits[name] for name in splits_of(client.name, scenario, deal)})


def give(client: PartyClient, config: PartyConfig, splits: Mapping[str, Split]) -> None:
    """Configure a party and send it those of the splits that are not on its disk yet.

    Raises InvalidInput, naming the file, for a damaged image.
    """
    held = client.configure(config)
    for name, split in splits.items():
        if held.get(name) != split.digest():
            with damage_by_name(split):
                client.provision(name, split)
