"""Pieces of HTML."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

MOST_ENTRIES = 40
"""Entries of a nested list or object that are written out; the rest is counted."""

LONG_TEXT = 40
"""Longer values of a list stand in lines of their own."""

_ASSETS = Path(__file__).parent
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What the browser may fetch for the page: nothing."""


def tag(name: str, *content: str, **attributes: object) -> str:
    """Return an element around pieces of HTML.

    Args:
        name: of the element.
        content: HTML; see `text` for what is not.
        attributes: values are escaped; `class_` is `class`, `data_x` is `data-x`, None leaves one out, True has no
            value.
    """
    words = [name]
    for key, value in attributes.items():
        shown = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(shown)
        elif value is not None and value is not False:
            words.append(f'{shown}="{escape(str(value))}"')
    return f"<{' '.join(words)}>{''.join(content)}</{name}>"


def text(value: object) -> str:
    """Return a value as HTML text."""
    return escape(str(value), quote=False)


def paragraph(words: str, class_: str | None = None) -> str:
    """Return words as a paragraph; what stands between backticks is code."""
    return tag("p", re.sub(r"`([^`]+)`", r"<code>\1</code>", text(words)), class_=class_)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that scrolls sideways where it is too wide.

    Args:
        head: texts.
        rows: cells of HTML; the first of each row is its heading.
    """
    top = tag("tr", *(tag("th", text(cell), scope="col") for cell in head))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    return tag("div", tag("table", tag("thead", top), tag("tbody", *body)), class_="scroll", tabindex=0)


def figure(drawing: str, caption: str, class_: str | None = None) -> str:
    """Return a drawing with words below it."""
    return tag("figure", drawing, tag("figcaption", text(caption)), class_=class_)


def section(title: str, *content: str, id_: str) -> str:
    """Return a part of the page with its heading."""
    return tag("section", tag("h2", text(title)), *content, id=id_)


def tree(value: Any) -> str:
    """Return JSON values of any shape as nested lists; long ones are cut, and say so."""
    if isinstance(value, Mapping):
        if value.keys() == {"min", "mean", "max"}:
            return text(f"{_scalar(value['min'])} to {_scalar(value['max'])}, mean {_scalar(value['mean'])}")
        entries = [
            tag("dt", text(str(key).replace("_", " "))) + tag("dd", tree(inner))
            for key, inner in list(value.items())[:MOST_ENTRIES]
        ]
        return tag("dl", *entries) + _rest(value) if entries else "–"
    if isinstance(value, list):
        if not any(isinstance(inner, Mapping | list) or len(str(inner)) > LONG_TEXT for inner in value):
            return text(", ".join(_scalar(inner) for inner in value[:MOST_ENTRIES]) or "–") + _rest(value)
        return tag("ul", *(tag("li", tree(inner)) for inner in value[:MOST_ENTRIES])) + _rest(value)
    return text(_scalar(value))


def _rest(value: Sequence[Any] | Mapping[str, Any]) -> str:
    return paragraph(f"… and {len(value) - MOST_ENTRIES} more") if len(value) > MOST_ENTRIES else ""


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else "–" if value is None else str(value)


def page(title: str, *content: str) -> str:
    """Return a document with the style and the script in it."""
    style, script = (_ASSETS / "page.css").read_text(), (_ASSETS / "page.js").read_text()
    head = tag(
        "head",
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        # An empty icon: browsers ask the server for one otherwise.
        '<link rel="icon" href="data:,">',
        tag("title", text(title)),
        tag("style", style),
    )
    return (
        f"<!doctype html>\n{tag('html', head, tag('body', tag('main', *content), tag('script', script)), lang='en')}\n"
    )
