"""Propagation: what is known of a joint's parent helps to find the joint, from the neck to hands and toes.

Source: Kang and Lee, "Attention-Propagation Network for Egocentric Heatmap to 3D Pose Lifting", CVPR 2024.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from egorear_ros.skeleton import Skeleton

LAYERS = 2


class State(NamedTuple):
    """What a cell knows of a joint: (B, hidden) each, as in an LSTM."""

    hidden: Tensor
    memory: Tensor


class GatedCell(nn.Module):
    """An LSTM cell in front of which the joint's own feature decides how much of its inputs counts."""

    def __init__(self, inputs: int, hidden: int, joint: int) -> None:
        """Build the cell.

        Args:
            inputs: width of its input.
            hidden: width of its state.
            joint: width of the joint's feature.
        """
        super().__init__()
        self.input_gate = nn.Linear(joint, inputs)
        self.parent_gate = nn.Linear(joint, hidden)
        self.cell = nn.LSTMCell(inputs, hidden)

    def forward(self, inputs: Tensor, parent: State, joint: Tensor) -> State:
        """Return a joint's state from its parent's, (B, inputs) input and the (B, joint) feature that opens gates."""
        gated = torch.sigmoid(self.input_gate(joint)) * inputs
        hidden = torch.sigmoid(self.parent_gate(joint)) * parent.hidden
        return State(*self.cell(gated, (hidden, parent.memory)))


class Propagation(nn.Module):
    """Two gated cells, one after the other, at every joint of the kinematic tree.

    The first cell's input is the feature of the limb to the parent, the second's the first one's
    hidden state. Our choices: gates have biases; the second cell has gates of its own; the memory
    of the parent is passed on without a gate.
    """

    def __init__(self, skeleton: Skeleton, joint: int, limb: int, hidden: int) -> None:
        """Build the cells.

        Args:
            skeleton: its tree of heatmap joints is walked; whose parent has no heatmap starts from zero.
            joint: width of joint features.
            limb: width of limb features.
            hidden: width of states.
        """
        super().__init__()
        self.hidden = hidden
        self.cells = nn.ModuleList(GatedCell(limb if layer == 0 else hidden, hidden, joint) for layer in range(LAYERS))
        places = {joint_index: place for place, joint_index in enumerate(skeleton.heatmap_joints)}
        self.parents = tuple(places.get(skeleton.parents[joint_index], -1) for joint_index in skeleton.heatmap_joints)

    def forward(self, joints: Tensor, limbs: Tensor) -> Tensor:
        """Return the (B, J_heatmap, hidden) states of all joints.

        Args:
            joints: (B, J_heatmap, joint) features.
            limbs: (B, J_heatmap, limb) features of the limb from each joint to its parent.
        """
        nothing = joints.new_zeros(joints.shape[0], self.hidden)
        known: list[list[State]] = []
        for place, parent in enumerate(self.parents):
            before = known[parent] if parent >= 0 else [State(nothing, nothing)] * LAYERS
            states, inputs = [], limbs[:, place]
            for cell, state in zip(self.cells, before, strict=True):
                states.append(cell(inputs, state, joints[:, place]))
                inputs = states[-1].hidden
            known.append(states)
        return torch.stack([states[-1].hidden for states in known], dim=1)
