"""The scoreboard as a page: one file, no script, nothing fetched; it loads itself anew every few seconds."""

from collections.abc import Sequence
from html import escape

from leakdrill.player.scoreboard import Line

REFRESH_SECONDS = 5
_STYLE = """
:root { color-scheme: light dark }
body { font: 1.4rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #8884; font-variant-numeric: tabular-nums }
th:nth-child(2), td:nth-child(2) { text-align: left; overflow-wrap: anywhere }
p { font-size: 1rem }
"""


def page(lines: Sequence[Line]) -> str:
    rows = "".join(_row(place, line) for place, line in enumerate(lines, start=1))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="{REFRESH_SECONDS}">
<meta name="viewport" content="width=device-width">
<title>leakdrill: scoreboard</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Who was in the training data?</h1>
<table>
<thead><tr><th>#</th><th>player</th><th>best AUC [95 %]</th><th>queries</th><th>submissions</th></tr></thead>
<tbody>{rows}</tbody>
</table>
<p>0.5 is a guess. Of several submissions the best is shown, which flatters: the more there are, the more.</p>
</body>
</html>
"""


def _row(place: int, line: Line) -> str:
    cells = (place, line.name, line.auc, f"{line.num_queries:,}", f"{line.num_submissions} of {line.most}")
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>\n"
