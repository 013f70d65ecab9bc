"""How a run was made, and of what."""

import shlex
from collections.abc import Mapping
from typing import Any

from egorear_eval.report.html import paragraph, section, tag, text, tree
from egorear_eval.report.results import Results

SHOWN_ELSEWHERE = ("scores", "reliability", "command", "versions", "data_cards", "recording", "skipped")
MOST_SKIPPED = 50
OPEN = "counts"
"""The part of a data set's card that is shown at once, first."""


def recording(results: Results) -> str:
    """Return what only a recording has: sets, drops with their reasons, jitter, skew; nothing for data sets."""
    facts = results.facts.get("recording")
    return section("Recording", tree(facts), id_="recording") if facts else ""


def data_card(results: Results) -> str:
    """Return the cards of the data sets that the run's sequences are in; nothing for recordings, which have none."""
    cards: Mapping[str, Any] = results.facts.get("data_cards") or {}
    if not cards and results.facts.get("recording"):
        return ""
    if not cards:
        return section("Data card", paragraph("The data has no card (dataset.json).", "note"), id_="data")
    parts = []
    for folder, card in cards.items():
        parts.append(tag("h3", text(folder)))
        entries = dict(card) if isinstance(card, Mapping) else {"card": card}
        for name in sorted(entries, key=lambda name: name != OPEN):
            words = tag("summary", text(str(name).replace("_", " ")))
            parts.append(tag("details", words, tree(entries[name]), open=name == OPEN))
    return section("Data card", *parts, id_="data")


def provenance(results: Results) -> str:
    """Return command, versions, settings and the frames that were not compared."""
    facts = results.facts
    command = facts.get("command")
    words = shlex.join(command) if isinstance(command, list) else str(command or "not said")
    parts = [
        tag("pre", tag("code", text(words))),
        tree({key: facts[key] for key in facts if key not in SHOWN_ELSEWHERE}),
    ]
    versions = [f"{name} {version}" for name, version in (facts.get("versions") or {}).items()]
    parts += [tag("h3", text("Versions")), paragraph(", ".join(versions) or "not said")]
    skipped = facts.get("skipped") or []
    if skipped:
        title = tag("summary", text(f"{len(skipped)} frames that were not compared"))
        parts.append(tag("details", title, tree(skipped[:MOST_SKIPPED])))
    return section("How this was made", *parts, id_="made")
