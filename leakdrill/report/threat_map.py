"""The threat model of a run as a drawing: who holds what, what flowed, what leaked, who asked whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from leakdrill.counted import counted
from leakdrill.report import atlas
from leakdrill.report.atlas import Technique
from leakdrill.report.reading import Run

Kind = Literal["contract", "query", "leak", "inference"]
ORDER: tuple[Kind, ...] = ("contract", "query", "leak", "inference")

_ARTEFACTS = {
    "feature_extractor": "g_s, the shallow layers of cbig's model",
    "target_feature_extractor": "g_t, the shallow layers of csmall's own model",
    "source_model": "f_s, cbig's whole model",
}
_CHANNELS = {"insider": "an insider", "illegal_access": "illegal access", "malware": "malware"}


@dataclass(frozen=True)
class Flow:
    """One arrow. `path` is its SVG path, with the number at `badge`."""

    number: int
    kind: Kind
    ends: tuple[str, str]
    told: str  # a sentence without its end
    techniques: list[Technique]
    path: str
    badge: tuple[int, int]


@dataclass(frozen=True)
class Box:
    name: str
    role: str
    lines: list[str]
    x: int
    y: int
    width: int
    height: int


#: Where arrows run, in the drawing's 460 x 350 units; boxes leave room for them.
_PATHS: dict[tuple[Kind, str, str], tuple[str, tuple[int, int]]] = {
    ("contract", "cbig", "csmall"): ("M195 71 H263", (227, 71)),
    ("query", "adversary", "cbig"): ("M172 229 L134 135", (153, 182)),
    ("query", "adversary", "csmall"): ("M288 229 L326 135", (307, 182)),
    ("leak", "csmall", "adversary"): ("M404 133 C404 200 396 286 351 286", (402, 196)),
    ("inference", "adversary", "cbig"): ("M112 286 C64 286 56 200 56 135", (58, 196)),
}


def boxes(run: Run) -> list[Box]:
    """The three parties, each with what it holds."""
    scenario, results = run.scenario, run.results
    source = scenario.get("cbig", {}).get("source_model", {})
    arch = source.get("arch", {}).get("kind", "")
    models = results.models if results else {}
    trained = f"{models['source'].train_accuracy.num_examples:,} private examples" if "source" in models else ""
    small = f"{models['target'].train_accuracy.num_examples:,} examples of its own" if "target" in models else ""
    has_target = any(step.get("step") in ("adapt", "load_target") for step in _steps(scenario))
    dealt = _dealt(run)
    pool = dealt.get("shadow_train", 0) + dealt.get("shadow_test", 0)
    own = f"{pool:,} examples of its own" if pool else "no examples of its own" if dealt else ""
    services = f"services built on {'f_s' if _is_whole(scenario) else 'g_s'}"
    attacks = attacks_of(scenario)
    return [
        Box("cbig", "the data-rich company", [f"model f_s ({arch})", trained], 8, 10, 186, 122),
        Box("csmall", "the start-up", ["model f_t, built on g_s" if has_target else services, small],
            266, 10, 186, 122),
        Box("adversary", "the attacker",
            [own, counted(len(attacks), "attack")],
            112, 232, 236, 108),
    ]  # fmt: skip


def flows(run: Run) -> list[Flow]:
    """What went from whom to whom, numbered in the order of the drawing's legend."""
    told = sorted(_told(run), key=lambda each: ORDER.index(each[0]))
    return [
        Flow(number, kind, ends, words, techniques, *_PATHS[kind, *ends])
        for number, (kind, ends, words, techniques) in enumerate(told, start=1)
        if (kind, *ends) in _PATHS
    ]


_Told = tuple[Kind, tuple[str, str], str, list[Technique]]


def _told(run: Run) -> Iterator[_Told]:
    scenario = run.scenario
    steps, attacks = [step.get("step") for step in _steps(scenario)], attacks_of(scenario)
    if "release" in steps:
        given = _ARTEFACTS["source_model" if _is_whole(scenario) else "feature_extractor"]
        guarded = _kinds(scenario.get("cbig", {}).get("release_defences"))
        yield "contract", ("cbig", "csmall"), f"By contract, cbig hands csmall {given}{guarded}{_size(run)}", []
    for party in ("cbig", "csmall"):
        if asked := _asked(run, party):
            yield "query", ("adversary", party), asked, atlas.of_queries(attacks)
    breaches = [step["breach"] for step in _steps(scenario) if step.get("step") == "breach"]
    if breaches:
        leaked = "; ".join(_leaked(breach) for breach in breaches)
        techniques = [each for breach in breaches for each in atlas.of_breach(breach.get("artefact", ""))]
        closed = "; it is shut later, and what was copied stays copied" if "revoke" in steps else ""
        told = f"csmall leaks {leaked}{closed}"
        yield "leak", ("csmall", "adversary"), told, list(dict.fromkeys(techniques))
    if attacks:
        yield "inference", ("adversary", "cbig"), *_inferred(run, attacks, bool(breaches))


def _is_whole(scenario: dict[str, Any]) -> bool:
    """Whether what cbig releases is all of f_s."""
    return bool(scenario.get("cbig", {}).get("releases") == "source_model")


def _inferred(run: Run, attacks: list[dict[str, Any]], is_breached: bool) -> tuple[str, list[Technique]]:
    goals = {attack.goal for attack in run.attacks} or {"membership"}
    whose = "csmall's" if run.scenario.get("data", {}).get("challenge", {}).get("members_of") == "target" else "cbig's"
    found = (
        f"who is in {whose} training data" if goals & {"membership", "identity"} else "what it was not told of people"
    )
    shadows = atlas.of_shadows(attacks, is_breached)
    how = ", with shadow models trained on data of its own" if shadows else ""
    return f"The adversary infers {found}{how}", [*shadows, *atlas.of_gradients(attacks), *atlas.of_goals(goals)]


def _asked(run: Run, party: str) -> str:
    """What the adversary asked this party, by the owner's count where the run was judged."""
    counts: dict[str, int] = {}
    for attack in run.attacks:
        for model, count in attack.queries.items():
            counts[model] = counts.get(model, 0) + count
    own = {model: count for model, count in counts.items() if model.partition("/")[0] == party}
    if not own:
        return ""
    section = run.scenario.get(party, {}).get("api", {})
    asked = " and ".join(f"its {model.partition('/')[2]} model {count:,} times" for model, count in sorted(own.items()))
    outputs = ", ".join(section.get("outputs", []))
    answers = f", which answers with {outputs}" if outputs and (party == "cbig" or "csmall/recognition" in own) else ""
    later = [step["defend"] for step in _steps(run.scenario) if step.get("step") == "defend"]
    switched = "".join(
        f", later{_kinds(each.get('defences')) or ' undefended'}" for each in later if each.get("party") == party
    )
    return f"The adversary asks {party}'s public API: {asked}{answers}{_kinds(section.get('defences'))}{switched}"


def _leaked(breach: dict[str, Any]) -> str:
    fidelity = breach.get("fidelity", {})
    parts = [
        f"its first {fidelity['blocks']} blocks only" if fidelity.get("blocks") else "",
        f"as {fidelity['bits']}-bit numbers" if fidelity.get("bits", 32) != 32 else "",
        f"with noise of {fidelity['noise']:g} standard deviations" if fidelity.get("noise") else "",
    ]
    how = _CHANNELS.get(breach.get("channel", ""), "an unnamed channel")
    what = _ARTEFACTS.get(breach.get("artefact", ""), "an artefact")
    return ", ".join([f"{what}, through {how}", *filter(None, parts)])


def _kinds(defences: list[dict[str, Any]] | None) -> str:
    return f", defended by {', '.join(str(each.get('kind')) for each in defences)}" if defences else ""


def _size(run: Run) -> str:
    released = next((entry for entry in run.entries if entry.event == "released"), None)
    return f" ({released.fields['size_bytes']:,} bytes)" if released else ""


def _dealt(run: Run) -> dict[str, int]:
    dealt = next((entry for entry in run.entries if entry.event == "dealt"), None)
    return dict(dealt.fields["splits"]) if dealt else {}


def _steps(scenario: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in scenario.get("timeline", []) if isinstance(step, dict)]


def attacks_of(scenario: dict[str, Any]) -> list[dict[str, Any]]:
    """The attacks of the timeline, as the scenario has them."""
    return [step["attack"] for step in _steps(scenario) if "attack" in step]
