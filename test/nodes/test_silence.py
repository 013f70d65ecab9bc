"""Which cameras are silent."""

from egorear_ros.nodes.silence import SilenceWatch

S = 1_000_000_000


def test_each_silence_is_noticed_once_and_so_is_its_end() -> None:
    watch = SilenceWatch(("left", "right"), now_ns=10 * S)
    assert watch.heard("left", 11 * S) is None
    assert watch.fallen_silent(5.0, 12 * S) == []
    assert watch.fallen_silent(5.0, 15 * S) == ["right"]  # never heard since the beginning
    assert watch.fallen_silent(5.0, 16 * S) == ["left"]
    assert watch.fallen_silent(5.0, 99 * S) == []
    assert watch.is_silent("left") and watch.frames("left") == 1 and watch.frames("right") == 0
    assert watch.heard("left", 100 * S) == 89.0
    assert watch.heard("left", 101 * S) is None
    assert not watch.is_silent("left") and watch.is_silent("right")
    assert watch.fallen_silent(5.0, 106 * S) == ["left"]
