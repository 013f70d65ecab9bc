"""Joint names, parents and sides of the body skeleton: the one joint order used everywhere."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    """An ordered set of joints and the bones between them.

    Attributes:
        name: identifier written into checkpoints.
        joint_names: J names, lower_snake; they become TF frames.
        dataset_names: J names of the same joints in Ego4View's JSON files.
        parents: J parent indices; a root is its own parent.
        extra_bones: pairs that are drawn although neither is the other's parent.
        heatmap_joints: indices of the joints that have a 2D heatmap, in heatmap channel order.
    """

    name: str
    joint_names: tuple[str, ...]
    dataset_names: tuple[str, ...]
    parents: tuple[int, ...]
    extra_bones: tuple[tuple[int, int], ...]
    heatmap_joints: tuple[int, ...]

    @property
    def joint_count(self) -> int:
        """Number of joints, J."""
        return len(self.joint_names)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) pairs to draw, `extra_bones` last."""
        tree = tuple((parent, child) for child, parent in enumerate(self.parents) if parent != child)
        return tree + self.extra_bones

    def side(self, joint: int) -> str:
        """Return "left", "right" or "centre" for a joint index."""
        prefix = self.joint_names[joint].split("_")[0]
        return prefix if prefix in ("left", "right") else "centre"

    @property
    def other_side(self) -> list[int]:
        """For each joint the index of the same joint of the other side of the body."""
        swapped = {"left": "right", "right": "left"}
        sides = [self.side(joint) for joint in range(self.joint_count)]
        pairs = zip(self.joint_names, sides, strict=True)
        return [self.index(name.replace(side, swapped.get(side, side), 1)) for name, side in pairs]

    def index(self, joint_name: str) -> int:
        """Return the index of a joint by its name.

        Raises:
            ValueError: no joint has that name.
        """
        if joint_name not in self.joint_names:
            raise ValueError(
                f"skeleton {self.name} has no joint {joint_name!r}. Its joints: {', '.join(self.joint_names)}."
            )
        return self.joint_names.index(joint_name)


EGO4VIEW = Skeleton(
    name="ego4view_16",
    joint_names=(
        "head",
        "neck",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
        "left_toe",
        "right_toe",
    ),
    dataset_names=(
        "Head",
        "Neck",
        "LeftArm",
        "RightArm",
        "LeftForeArm",
        "RightForeArm",
        "LeftHand",
        "RightHand",
        "LeftUpLeg",
        "RightUpLeg",
        "LeftLeg",
        "RightLeg",
        "LeftFoot",
        "RightFoot",
        "LeftToeBase",
        "RightToeBase",
    ),
    parents=(0, 0, 1, 1, 2, 3, 4, 5, 2, 3, 8, 9, 10, 11, 12, 13),
    extra_bones=((8, 9),),
    # The head carries the cameras and is never in their view.
    heatmap_joints=tuple(range(1, 16)),
)
"""The 16 joints of Ego4View (EgoRear, ICCV 2025). Its 15-joint headless form is `heatmap_joints`."""
