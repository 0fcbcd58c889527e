import io
from pathlib import Path

import pytest
from rich.console import Console

from leakdrill.referee.console import Observer, PlainConsole, RichConsole, SilentObserver, observe
from leakdrill.results import Results


class Clock:
    """Time that stands still unless it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=100, force_terminal=terminal, color_system=None)


def said(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def play(observer: Observer, results: Results) -> None:
    observer.started(Path("runs/quickstart-1"), "about 65 s: source model 65 s")
    observer.step(0, 2, "cbig trains the source model")
    observer.progress("cbig", 0.5, "epoch 1 of 2: loss [0.693]")
    observer.progress("cbig", 1.0, "epoch 2 of 2")
    observer.note("the deal is from the cache")
    observer.step(1, 2, "attack after: transmia")
    observer.finished(results)


def test_plain_lines_tell_where_the_run_is_what_it_does_and_what_it_found(results: Results) -> None:
    paper = console(terminal=False)
    play(PlainConsole(paper), results)
    text = said(paper)
    assert text[:4] == [
        "runs/quickstart-1",
        "about 65 s: source model 65 s",
        "[1/2] cbig trains the source model",
        "  cbig 100% epoch 2 of 2",
    ]
    assert text[-1] == "met: what was expected holds"
    assert not any("\x1b" in line for line in text)


def test_a_party_gets_one_plain_line_in_two_seconds_and_one_at_its_end() -> None:
    paper, clock = console(terminal=False), Clock()
    observer = PlainConsole(paper, clock)
    observer.step(0, 1, "attack")
    for tick in range(100):  # ten seconds in all
        clock.now = tick / 10
        observer.progress("adversary", tick / 100, f"shadow {tick}")
        observer.progress("csmall", tick / 100, "")
    observer.progress("adversary", 1.0, "judged")
    lines = [line for line in said(paper) if "adversary" in line]
    assert lines == [f"  adversary  {tick}% shadow {tick}" for tick in (20, 40, 60, 80)] + ["  adversary 100% judged"]


def test_a_plain_line_is_never_broken_by_the_width() -> None:
    paper = console(terminal=False)
    PlainConsole(paper).note("word " * 60)
    assert len(said(paper)) == 1


def test_nor_is_a_line_in_a_terminal_so_that_a_command_in_it_can_be_copied() -> None:
    long = "your turn: leakdrill submit " + "a/" * 60
    terminal = console(terminal=True)
    with observe(terminal) as observer:
        observer.note(long)
    assert any(long in line for line in said(terminal))


def test_a_terminal_gets_bars_while_parties_work_and_keeps_the_steps_and_their_seconds(results: Results) -> None:
    terminal = console(terminal=True)
    with observe(terminal) as observer:
        assert isinstance(observer, RichConsole)
        play(observer, results)
    text = "\n".join(said(terminal))
    assert "[2/2] attack after: transmia" in text
    assert "0.0 s" in text
    assert "met: what was expected holds" in text


def test_the_live_bars_are_gone_when_the_drill_is_interrupted() -> None:
    terminal = console(terminal=True)

    def interrupted_drill() -> None:
        with observe(terminal) as observer:
            observer.progress("cbig", 0.5, "epoch 1 of 2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_drill()
    assert "\x1b[?25h" in "\n".join(said(terminal))  # the cursor is shown again


def test_a_pipe_gets_plain_lines() -> None:
    with observe(console(terminal=False)) as observer:
        assert isinstance(observer, PlainConsole)


def test_silence_is_silent(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    play(SilentObserver(), results)
    assert capsys.readouterr() == ("", "")
