"""A job as one HTML page: no script, nothing loaded from elsewhere, and every value escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagewind.ui.job import Job

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_ENDED = {"Completed", "Failed", "Stopped", "InService", "OutOfService", ""}
_RELOAD = '<meta http-equiv="refresh" content="3">'
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; } h2 { font-size: 1rem; margin-top: 2rem; }
.status { border: 1px solid; border-radius: .4rem; padding: .1rem .5rem; font-size: .85rem; }
.Failed { color: #c62828; } .Completed, .InService { color: #2e7d32; }
td, th { text-align: left; padding: .15rem 1rem .15rem 0; vertical-align: top; }
pre { overflow: auto; max-height: 30rem; padding: .8rem; border: 1px solid #8885; border-radius: .4rem; }
"""


def job(shown: Job) -> str:
    """Return the page of a job; it reloads itself while the job runs."""
    status = (
        f'<span class="status {escape(shown.status)}">{escape(shown.status)}</span>' if shown.status else ""
    )
    parts = [
        f"<h1>{escape(shown.name)} {status}</h1>",
        f"<p>{escape(shown.kind.slug)}</p>",
        f"<h2>Why it failed</h2><pre>{escape(shown.failure)}</pre>" if shown.failure else "",
        _table("Metrics", [(name, f"{value:g}") for name, value in shown.metrics]),
        _table("Steps", list(shown.steps)),
        _lines("End of the log", shown.log),
        f"<h2>Description</h2><pre>{escape(shown.description)}</pre>",
    ]
    return _document(shown.name, "".join(parts), reload=shown.status not in _ENDED)


def message(title: str, text: str) -> str:
    """Return a page that says one thing."""
    return _document(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>", reload=False)


def _document(title: str, body: str, *, reload: bool) -> str:
    again = _RELOAD if reload else ""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>{again}<style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'


def _table(title: str, rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table>{body}</table>"


def _lines(title: str, lines: tuple[str, ...]) -> str:
    if not lines:
        return ""
    return f"<h2>{escape(title)}</h2><pre>{escape(chr(10).join(lines))}</pre>"
