"""`egorear train` on the dotted frames, as a process that can be made to kill itself.

python run_dotted.py fit ...            KILL_AT=step:7   SIGKILL in the middle of step 7
                                        KILL_AT=epoch:2  SIGKILL in the validation of epoch 2
"""

import os
import signal
import sys

import torch
from dotted_frames import DottedData
from lightning.pytorch import LightningModule

from egorear_train.cli import train
from egorear_train.stages import SmallPoseStage


def arm(place: str) -> None:
    """Make the stage end this process as `kill -9` does."""
    kind, _, number = place.partition(":")
    name = "configure_gradient_clipping" if kind == "step" else "on_validation_epoch_end"
    original = getattr(SmallPoseStage, name)

    def deadly(self: LightningModule, *args: object, **kwargs: object) -> object:
        now = self.global_step if kind == "step" else self.current_epoch
        if now == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, *args, **kwargs)

    setattr(SmallPoseStage, name, deadly)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if os.environ.get("KILL_AT"):
        arm(os.environ["KILL_AT"])
    train(sys.argv[1:], DottedData)
