"""A page of figures, pictures and films that is one file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from hilctl.task.files import write_text_atomic

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem; border-bottom: 1px solid #ddd }
th { text-align: left; font-weight: 500 } img, video { max-width: 100%; margin: 1rem 0 }
</style></head><body>
<h1>{{ title }}</h1>
<p>{{ lead }}</p>
{% for heading, rows in tables %}<h2>{{ heading }}</h2><table>
{% for name, value in rows %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</table>{% endfor %}
{% for heading, header, rows in grids %}<h2>{{ heading }}</h2><table><tr>
{% for cell in header %}<th>{{ cell }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>{% endfor %}
{% for heading, picture in pictures %}<h2>{{ heading }}</h2>
<img alt="{{ heading }}" src="data:image/png;base64,{{ picture }}">{% endfor %}
{% for heading, film in films %}<h2>{{ heading }}</h2>
<video controls loop muted src="data:video/mp4;base64,{{ film }}"></video>{% endfor %}
</body></html>
"""


def write_report(
    path: Path,
    *,
    title: str,
    lead: str,
    tables: Sequence[tuple[str, Mapping[str, Any]]],
    pictures: Sequence[tuple[str, bytes]],
    films: Sequence[tuple[str, bytes]] = (),
    grids: Sequence[tuple[str, Sequence[str], Sequence[Sequence[str]]]] = (),
) -> None:
    """Write a self-contained HTML page.

    Args:
        path: the file.
        title, lead: heading and first paragraph.
        tables: heading and name → value, in order.
        pictures: heading and PNG bytes, in order.
        films: heading and MP4 bytes, in order.
        grids: heading, names of the columns, and rows, in order.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    template = jinja2.Environment(autoescape=True).from_string(PAGE)
    page = template.render(
        title=title,
        lead=lead,
        tables=[(heading, list(rows.items())) for heading, rows in tables],
        pictures=_encoded(pictures),
        films=_encoded(films),
        grids=grids,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(path, page)


def _encoded(items: Sequence[tuple[str, bytes]]) -> list[tuple[str, str]]:
    return [(heading, base64.b64encode(content).decode()) for heading, content in items]
