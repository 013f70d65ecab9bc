"""Sides of the body."""

from egorear_ros.skeleton import EGO4VIEW


def test_other_side_swaps_and_keeps_the_middle() -> None:
    swapped = EGO4VIEW.other_side
    assert [swapped[joint] for joint in swapped] == list(range(EGO4VIEW.joint_count))
    assert EGO4VIEW.joint_names[swapped[EGO4VIEW.index("left_toe")]] == "right_toe"
    assert swapped[EGO4VIEW.index("neck")] == EGO4VIEW.index("neck")
