"""Recordings of tests need not survive a power cut."""

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine waiting for the disk takes longer than all else here."""
    monkeypatch.setattr("os.fsync", lambda fd: None)
