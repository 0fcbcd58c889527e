"""HopSkipJump here against the Adversarial Robustness Toolbox 1.20.1: distances and time, alone and over an API.

Both attack the same network (a small CNN on rendered faces of 32x32 pixels) from the same start images with about the
same number of queries per image, on one thread. `l2_ratio_high` is the upper end of a 95 % bootstrap interval of the
ratio of median distances, ours over theirs, after theirs have been projected onto the boundary (by queries that are not
counted; ours are there within the budget). `time_ratio` is that of the seconds per image, in this process;
`time_ratio_20ms` the same through a party's live API with 20 ms added to every round trip, ours being shared by all
images. `overhead_us_per_query` is what ours adds to the network's forward passes, per query of 3,072 values.

Distances need many images and no quiet machine, times the other way round, so they are measured apart: `--only
distances` and `--only times` do one of the two. (Medians of distances that differ tenfold: of 240 images the interval
is 5 % to either side, whatever the attacks.)

ART is no dependency of this project. Install it into a folder of its own and point Python there
(pip install --target art-1.20.1 adversarial-robustness-toolbox==1.20.1; PYTHONPATH=art-1.20.1 python -m
benchmarks.hopskipjump); without it, only `overhead_us_per_query` is measured. Where Foolbox is there as well (pip
install --target art-1.20.1 --no-deps foolbox==3.3.4 eagerpy GitPython gitdb smmap), the distances that its HopSkipJump
finds are printed beside ours, of the first images: it asks about one point at a time.
"""

import argparse
import json

import torch
from torch import nn

from benchmarks.side_by_side.api import served_labels
from benchmarks.side_by_side.problem import PredictLabel, Problem, in_process, make_problem, trained_model
from benchmarks.side_by_side.searches import (
    Attacked,
    art_is_there,
    attack_by_art,
    attack_by_foolbox,
    attack_by_us,
    compare,
    foolbox_is_there,
    show,
)
from leakdrill.labelonly.space import GREY_LEVELS, Space

UNIT = Space()
FOOLBOX_IMAGES = 60
BUDGET = 2388  # where ART is not there: what it asks per image in its rounds


def main() -> None:
    asked = arguments()
    torch.set_num_threads(1)
    has_art = art_is_there()
    model, examples = trained_model()
    alone = in_process(model)
    problem = make_problem(alone, examples, needed(asked))
    figures: dict[str, float] = {}
    if asked.only != "times" and has_art:
        figures |= distances(alone, problem.first(asked.images))
    if asked.only != "distances":
        figures |= times(alone, problem.first(asked.time_images), has_art)
        if has_art:
            figures |= times_over_an_api(model, problem, asked.api_images, asked.art_api_images)
    print(json.dumps(figures))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["distances", "times"], help="default: both")
    parser.add_argument("--images", type=int, default=500, help="for distances (default: %(default)s)")
    parser.add_argument("--time-images", type=int, default=40, help="timed in this process (default: %(default)s)")
    parser.add_argument("--api-images", type=int, default=30, help="ours through the API (default: %(default)s)")
    parser.add_argument("--art-api-images", type=int, default=5, help="ART's through the API (default: %(default)s)")
    return parser.parse_args()


def needed(asked: argparse.Namespace) -> int:
    """Images, for all that is asked."""
    timed = max(asked.time_images, asked.api_images, asked.art_api_images)
    return int({"distances": asked.images, "times": timed}.get(asked.only, max(asked.images, timed)))


def distances(predict_label: PredictLabel, problem: Problem) -> dict[str, float]:
    theirs = attack_by_art(predict_label, problem)
    show("ART", theirs)
    ours = attack_by_us(predict_label, problem, budget_of(theirs), UNIT)
    show("ours", ours)
    if foolbox_is_there():
        beside_foolbox(predict_label, problem.first(FOOLBOX_IMAGES))
    return {"l2_ratio_high": round(compare(ours.distances, theirs.distances), 4)}


def beside_foolbox(predict_label: PredictLabel, problem: Problem) -> None:
    theirs = attack_by_foolbox(predict_label, problem)
    show("Foolbox", theirs)
    ours = attack_by_us(predict_label, problem, budget_of(theirs), UNIT)
    show("ours", ours)
    compare(ours.distances, theirs.distances)


def times(predict_label: PredictLabel, problem: Problem, has_art: bool) -> dict[str, float]:
    """In this process."""
    figures, budget = {}, BUDGET
    if has_art:
        theirs = attack_by_art(predict_label, problem)
        show("ART, here", theirs)
        budget = budget_of(theirs)
    ours = attack_by_us(predict_label, problem, budget, UNIT)
    show("ours, here", ours)
    if has_art:
        figures["time_ratio"] = round(ours.seconds_per_image / theirs.seconds_per_image, 4)
    return figures | {"overhead_us_per_query": round(ours.overhead_us_per_query, 2)}


def times_over_an_api(model: nn.Module, problem: Problem, num_ours: int, num_theirs: int) -> dict[str, float]:
    """20 ms away. Images are asked about as a party takes them: in 8 bits."""
    with served_labels(model) as remote:
        theirs = attack_by_art(remote, problem.first(num_theirs))
        show("ART, API", theirs)
        ours = attack_by_us(remote, problem.first(num_ours), budget_of(theirs), GREY_LEVELS)
        show("ours, API", ours)
    return {"time_ratio_20ms": round(ours.seconds_per_image / theirs.seconds_per_image, 4)}


def budget_of(theirs: Attacked) -> int:
    """No more queries per image than they had on average."""
    return int(theirs.queries_per_image)


if __name__ == "__main__":
    main()
