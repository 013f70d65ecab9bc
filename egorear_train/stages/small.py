"""EgoRear-small in one go: heatmaps, refinement, pose and its uncertainty, for every number of views."""

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from egorear_ros.geometry.symmetry import MIRROR
from egorear_ros.models.build import EGO4VIEW_VIEWS
from egorear_ros.models.header import CheckpointHeader
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.network import SMALL, EgoRearSmall, SmallOutput
from egorear_ros.models.virtual_views import VirtualViews
from egorear_train.augment import drop_views, jitter_colours, soften, turn_hues
from egorear_train.batch import Batch, encode_targets, normalise_images
from egorear_train.likelihood import pose_distance, pose_likelihood, weighted_heatmap_error
from egorear_train.mirror import Mirror
from egorear_train.pictures import Snapshot
from egorear_train.pose_metrics import CM_PER_M, pose_metrics
from egorear_train.schedule import OptimizerConfig, make_optimizer
from egorear_train.stages.base import Stage
from egorear_train.turn import Turn

SMALL_OPTIMIZER = OptimizerConfig("muon", learning_rate=2e-3, weight_decay=0.02, drop_epochs=(), warm_up_steps=200)
"""A constant rate: the averaged weights are good at any moment, so nobody has to know the end beforehand."""

VECTOR = 16
"""Single-precision numbers in the widest vector of a CPU."""


class SmallPoseStage(Stage):
    """Trains the whole `EgoRearSmall` from nothing, with views dropped at random."""

    architecture = "egorear_small"

    _seen: Tensor
    _in_mirror_cm: Tensor | None = None

    def __init__(
        self,
        rig: str = "ego4view_syn",
        views: Sequence[str] = EGO4VIEW_VIEWS,
        size: ModelSize = SMALL,
        refine: bool = True,
        mask: bool = True,
        uncertainty: bool = True,
        virtual_cameras: bool = False,
        view_drop: float = 0.4,
        colour_jitter: float = 0.15,
        other_hues: float = 0.0,
        softness: float = 0.0,
        mirror: float = 0.0,
        turned: float = 0.0,
        head_turn_deg: float = 10.0,
        camera_turn_deg: float = 2.0,
        heatmap_weight: float = 1.0,
        pose_weight: float = 0.3,
        distance_weight: float = 0.0,
        mirror_teacher: float = 0.0,
        average_decay: float = 0.998,
        optimizer: OptimizerConfig = SMALL_OPTIMIZER,
        weights: str = "",
        training_data: str = "",
        compile_network: bool = False,
    ) -> None:
        """Build the network.

        Args:
            rig: name in `calib/` or path of a rig file.
            views: V views.
            size: sizes of the network; its view count is taken from `views`.
            refine: whether views correct each other's heatmaps, see `EgoRearSmall`.
            mask: whether weak peaks are ignored, likewise.
            uncertainty: whether it learns its error, by its likelihood; without, the plain distance is the loss.
            virtual_cameras: whether it sees what virtual cameras show, see `geometry.virtual_camera`.
            view_drop: share of frame sets that lose one or more views in training.
            colour_jitter: see `augment.jitter_colours`.
            other_hues: share of frame sets, see `augment.turn_hues`.
            softness: see `augment.soften`.
            mirror: share of frame sets that are mirrored in training; only for symmetric rigs, see `mirror.Mirror`.
            turned: share of frame sets whose head and cameras are turned in training, see `turn.Turn`.
            head_turn_deg: how far heads are turned, a standard deviation about each axis.
            camera_turn_deg: how far each camera is turned besides.
            heatmap_weight: of each of the two heatmap errors.
            pose_weight: of the likelihood, or the distance, of proposal and corrections.
            distance_weight: of the distance besides the likelihood, whose gradient is small where the error is known to
                be large; what counts in the end is the distance.
            mirror_teacher: weight of the distance to what the averaged weights see in a mirror; 0: they are not asked.
                Both should say the same, and where nobody can know better, as of hidden feet, that is a calmer goal
                than each truth (mean teachers, Tarvainen and Valpola 2017). Only for symmetric rigs.
            average_decay: how slowly the averaged weights follow, which are validated and exported.
            optimizer: method and rate.
            weights: checkpoint to begin with; it may have more views and parts than this one.
            training_data: what it is trained on, in words.
            compile_network: run the network through torch.compile.

        Raises:
            CheckpointError: `weights` are of something else.
            ValueError: frame sets are to be mirrored, but the rig is not symmetric; an angle or a weight is negative; a
                share is not one; virtual cameras are wanted, but where the real ones are is not known.
        """
        _check_shares(view_drop=view_drop, other_hues=other_hues, mirror=mirror, turned=turned)
        _check_weights(
            colour_jitter=colour_jitter,
            softness=softness,
            heatmap_weight=heatmap_weight,
            pose_weight=pose_weight,
            distance_weight=distance_weight,
            mirror_teacher=mirror_teacher,
        )
        if not 0.0 <= average_decay < 1.0:
            raise ValueError(f"model.average_decay is {average_decay:g}; expected 0 or more and less than 1.")
        super().__init__(rig, views, size, optimizer, training_data)
        self.virtual_cameras = virtual_cameras
        if virtual_cameras:
            virtual = VirtualViews(self.real_rig, self.size.image_size)
            self.rig = virtual.rig
            self.register_buffer("_seen", virtual.seen.to(torch.uint8), persistent=False)
        self.mirror = mirror
        self._mirror = Mirror(self.rig, self.size.image_size) if mirror > 0.0 or mirror_teacher > 0.0 else None
        self.turned = turned
        self._turn = Turn(self.rig, self.size.image_size, head_turn_deg, camera_turn_deg)
        self.view_drop, self.colour_jitter = view_drop, colour_jitter
        self.other_hues, self.softness = other_hues, softness
        self.heatmap_weight, self.pose_weight, self.distance_weight = heatmap_weight, pose_weight, distance_weight
        self.mirror_teacher, self.average_decay = mirror_teacher, average_decay
        network = EgoRearSmall(self.size, self.rig, refine=refine, mask=mask, uncertainty=uncertainty)
        self._absent = network.absent
        self.finish_network(network, weights, compile_network)
        # What is validated, saved as `network` and exported is the average; this is what follows the gradient.
        self.trained = deepcopy(network)
        if compile_network:
            self.trained.compile()  # copies of compiled modules are not
        # With fewer channels than a vector has, oneDNN's gradients write outside of their memory then (PyTorch 2.13).
        if network.size.backbone_channels % VECTOR == 0:
            _lie_channels_last(self.trained.encoder)
        network.requires_grad_(False)

    @property
    def average(self) -> EgoRearSmall:
        """The averaged network."""
        return cast(EgoRearSmall, self.network)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser of the network that follows the gradient."""
        return make_optimizer(self.trained, self.optimizer_config)

    def header(self) -> CheckpointHeader:
        """Return what the weights are for."""
        drops = self.view_drop > 0.0
        return replace(
            super().header(),
            trained_with_missing_views=drops,
            absent=self._absent,
            virtual_cameras=self.virtual_cameras,
        )

    def untrained(self) -> list[str]:
        """Return what is left of the refiner where views do not correct each other."""
        return [".refiner.filter.", ".refiner.nobody"] if "refinement" in self._absent else []

    def on_fit_start(self) -> None:
        """Let the pose start from the mean of the data."""
        if self.global_step == 0 and not bool(self.average.lifter.mean_pose_cm.any()):
            self._start_from_mean_pose()

    def _start_from_mean_pose(self) -> None:
        loader = self.trainer.datamodule.train_dataloader()  # type: ignore[attr-defined]
        poses = []
        for batch, _ in zip(loader, range(32), strict=False):
            poses.append(batch["joints_cm"])
        mean = torch.cat(poses).mean(dim=0)
        for network in (self.trained, self.average):
            network.lifter.mean_pose_cm.copy_(mean)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch, part of which is seen in a mirror and part with the head held otherwise."""
        self._check_first(batch, "fit")  # wrong data that are mirrored would say less clearly what is wrong
        if self._mirror is not None:
            batch = self._mirror(batch, self._chosen(batch, "mirror", self.mirror))
        chosen = self._chosen(batch, "turned", self.turned)
        if bool(chosen.any()):
            batch = self._turn(batch, chosen, self.step_generator("turn"))
        self._in_mirror_cm = self._ask_mirror(batch) if self.mirror_teacher > 0.0 else None
        return super().training_step(batch, batch_idx)

    @torch.no_grad()
    def _ask_mirror(self, batch: Batch) -> Tensor:
        """Return (B, 16, 3) joints, cm, as the averaged weights see them in a mirror, with all views as they are."""
        assert self._mirror is not None
        self.average.eval()  # its batch norms are averages, too
        seen = self._mirror(batch, torch.ones(len(batch["meta"]), dtype=torch.bool))
        joints_cm = self.average(self._normalised(seen), seen["T_camera_device"]).lift.joints_cm
        joints_cm = joints_cm[:, self._mirror.joints.to(joints_cm.device)]
        return joints_cm * joints_cm.new_tensor(MIRROR.diagonal()[:3])

    def _normalised(self, batch: Batch) -> Tensor:
        """Return (B, V, 3, S, S) images; those rendered for virtual cameras show more than the real ones see."""
        return normalise_images(batch["images"] * self._seen if self.virtual_cameras else batch["images"])

    def _chosen(self, batch: Batch, what: str, share: float) -> Tensor:
        """Return (B,) bool: a share of the frame sets, at random."""
        generator = self.step_generator(what)
        return torch.rand(len(batch["meta"]), generator=generator, device=generator.device) < share

    def run(self, batch: Batch, view_mask: Tensor | None = None) -> SmallOutput:
        """Return poses and heatmaps; in training of views that may be dropped, else by the averaged weights."""
        images = self._normalised(batch)
        if self.training:
            generator = self.step_generator()
            images = soften(images, self.step_generator("soften"), self.softness)
            images = turn_hues(images, self.step_generator("hues"), self.other_hues)
            images = jitter_colours(images, generator, self.colour_jitter)
            view_mask = drop_views(len(images), images.shape[1], generator, self.view_drop)
            self._view_mask = view_mask
            return self.trained(images, batch["T_camera_device"], view_mask)
        self._view_mask = view_mask
        return self.average(images, batch["T_camera_device"], view_mask)

    def losses(self, output: SmallOutput, batch: Batch) -> dict[str, Tensor]:
        """Return the likelihood or distance of poses and the error of both kinds of heatmaps."""
        target = encode_targets(batch, self.rig, self.size.heatmap_size, whole_pixels=False)
        poses_cm, scales_cm, truth = output.lift.poses_cm, output.lift.scales_cm, batch["joints_cm"]
        distance = pose_distance(poses_cm, truth)
        error = distance if scales_cm is None else pose_likelihood(poses_cm, scales_cm, truth)
        terms = {
            "poses": self.pose_weight * error + self.distance_weight * distance,
            "heatmaps": self.heatmap_weight * weighted_heatmap_error(output.heatmaps, target, self._view_mask),
        }
        if self.trained.refine:
            error = weighted_heatmap_error(output.refined_heatmaps, target, self._view_mask)
            terms["refined_heatmaps"] = self.heatmap_weight * error
        if self.training and self._in_mirror_cm is not None:
            terms["mirror_teacher"] = self.mirror_teacher * pose_distance(poses_cm, self._in_mirror_cm)
        return terms

    def after_step(self) -> None:
        """Let the averaged weights follow."""
        # The first steps count fully, or the average would remember the random start for long.
        decay = min(self.average_decay, (1.0 + self.global_step) / (10.0 + self.global_step))
        with torch.no_grad():
            ours, theirs = self.average.state_dict(), self.trained.state_dict()
            for name, value in ours.items():
                if value.is_floating_point():
                    value.lerp_(theirs[name].to(value.dtype), 1.0 - decay)
                else:
                    value.copy_(theirs[name])

    def metrics(self, output: SmallOutput, batch: Batch) -> dict[str, float]:
        """Return the errors of poses and how well their size is known."""
        distance = (output.lift.joints_cm - batch["joints_cm"]).norm(dim=-1)
        proposal = (output.lift.poses_cm[0] - batch["joints_cm"]).norm(dim=-1)
        found = {
            **pose_metrics(output.lift.joints_cm, batch["joints_cm"]),
            "proposal_mpjpe_mm": 10.0 * float(proposal.mean()),
            "trusted_peaks": float(output.peaks.valid.float().mean()),
        }
        if output.lift.scale_cm is not None:
            found["error_over_scale"] = float((distance / output.lift.scale_cm).mean())  # 3 if the scales are right
        return found

    def snapshot(self, output: SmallOutput, batch: Batch) -> Snapshot:
        """Return images, heatmaps and poses."""
        target = encode_targets(batch, self.rig, self.size.heatmap_size, whole_pixels=False)
        maps = {"target": target, "first": output.heatmaps, "refined": output.refined_heatmaps}
        return Snapshot.of(batch, maps, output.lift.joints_cm)

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Return names, (B, 16, 3) joints, m, and (B, 16) scales of their errors, m, if it knows them."""
        lift = self.run(batch).lift
        found = {"meta": batch["meta"], "joints_device": lift.joints_cm.float().cpu() / CM_PER_M}
        if lift.scale_cm is not None:
            found["scales"] = lift.scale_cm.float().cpu() / CM_PER_M
        return found


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"model.{name} is {share:g}; expected a share of the frame sets, from 0 to 1.")


def _check_weights(**weights: float) -> None:
    for name, weight in weights.items():
        if not 0.0 <= weight < math.inf:
            raise ValueError(f"model.{name} is {weight:g}; expected a number that is not negative.")


def _lie_channels_last(encoder: nn.Module) -> None:
    """Turn an encoder's weights in memory: a sixth more frame sets a second on a CPU, and the same values."""
    encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for weight in encoder.parameters():
        # Kernels of one pixel lie the same either way, but with the strides of channels-last processes refuse
        # to send them to each other (PyTorch 2.13).
        if weight.shape[2:] == (1, 1):
            weight.data = weight.data.clone(memory_format=torch.contiguous_format)
