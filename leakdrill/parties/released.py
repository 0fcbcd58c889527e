"""What cbig hands to csmall: g_s, or all of f_s, as its release defences leave it."""

from leakdrill.defences.release import Releaser, obfuscate
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.trained import Trained
from leakdrill.models.training import Progress
from leakdrill.parties.config import CbigConfig
from leakdrill.parties.store import SplitStore
from leakdrill.seeds import derive

PUBLIC = "source_public"


def released(
    config: CbigConfig, trained: Trained, store: SplitStore, cache: ModelCache, progress: Progress
) -> Artefact:
    """Raises ScenarioError for a defence that cannot be applied, NotFound for one whose public data was not dealt."""
    spec = config.source_model
    artefact = Artefact.of_source_model(spec.arch, trained.model, config.form, config.num_classes, spec.cut)
    if config.releases == "feature_extractor":
        artefact = artefact.feature_extractor()
    made_of = {
        "released": config.releases,
        "cut": spec.cut,
        "model": trained.weights_sha256,
        "public": store.held().get(PUBLIC),
    }
    seed = derive(config.secret, "release")
    releaser = Releaser(lambda: store.read(PUBLIC).inputs, made_of, seed, cache, progress)
    return obfuscate(config.release_defences, artefact, releaser)
