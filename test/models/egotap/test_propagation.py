"""Propagation along the kinematic tree against a naive recursion."""

import torch
from torch import Tensor

from egorear_ros.models.egotap.propagation import Propagation
from egorear_ros.skeleton import EGO4VIEW

JOINT, LIMB, HIDDEN = 6, 5, 4


def made() -> tuple[Propagation, Tensor, Tensor]:
    torch.manual_seed(0)
    return Propagation(EGO4VIEW, JOINT, LIMB, HIDDEN), torch.randn(2, 15, JOINT), torch.randn(2, 15, LIMB)


def state_of(network: Propagation, layer: int, joint: int, joints: Tensor, limbs: Tensor) -> tuple[Tensor, Tensor]:
    """The naive twin: ask the parent first, then compute the LSTM by its textbook formulas."""
    if joint == EGO4VIEW.index("head"):
        return torch.zeros(HIDDEN), torch.zeros(HIDDEN)
    hidden, memory = state_of(network, layer, EGO4VIEW.parents[joint], joints, limbs)
    inputs = limbs[joint - 1] if layer == 0 else state_of(network, layer - 1, joint, joints, limbs)[0]
    gated = network.cells[layer]
    inputs = inputs * torch.sigmoid(gated.input_gate(joints[joint - 1]))
    hidden = hidden * torch.sigmoid(gated.parent_gate(joints[joint - 1]))
    cell = gated.cell
    take, keep, new, show = (cell.weight_ih @ inputs + cell.bias_ih + cell.weight_hh @ hidden + cell.bias_hh).chunk(4)
    memory = torch.sigmoid(keep) * memory + torch.sigmoid(take) * torch.tanh(new)
    return torch.sigmoid(show) * torch.tanh(memory), memory


def test_states_are_those_of_the_recursion() -> None:
    network, joints, limbs = made()
    with torch.no_grad():
        states = network(joints, limbs)
        for sample in range(2):
            for joint in EGO4VIEW.heatmap_joints:
                expected, _ = state_of(network, 1, joint, joints[sample], limbs[sample])
                torch.testing.assert_close(states[sample, joint - 1], expected)


def test_a_joint_is_told_of_its_ancestors_and_of_nobody_else() -> None:
    network, joints, limbs = made()
    elbow, wrist = EGO4VIEW.index("left_elbow") - 1, EGO4VIEW.index("left_wrist") - 1
    joints.requires_grad_()
    network(joints, limbs)[:, wrist].sum().backward()
    assert joints.grad is not None
    heard = set(joints.grad.abs().sum(dim=(0, 2)).nonzero().flatten().tolist())
    ancestors = {EGO4VIEW.index(name) - 1 for name in ("neck", "left_shoulder", "left_elbow", "left_wrist")}
    assert heard == ancestors
    assert elbow in heard
