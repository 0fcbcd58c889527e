"""What docs/play-by-hand.md says of itself can be measured again."""

import contextlib
import io
import re
from pathlib import Path

import yaml
from small import SMALL

from leakdrill.attacks.external import External
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.threat import check_threat

PAGE = (Path(__file__).parents[2] / "docs" / "play-by-hand.md").read_text()


def block(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def test_what_answers_give_away_is_what_its_program_prints() -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block("python"), "docs/play-by-hand.md", "exec"), {})
    assert printed.getvalue().count("answers: 0.") == 3
    assert f"```\n{printed.getvalue()}```" in PAGE


def test_its_timeline_can_be_played() -> None:
    scenario = Scenario.model_validate(SMALL | yaml.safe_load(block("yaml")))
    check_threat(scenario)
    (_, _, mine) = scenario.timeline
    assert mine.step == "attack"
    assert isinstance(mine.attack, External)
    assert mine.attack.wait_minutes == 30
