"""The arguments of the launch files, as plain data: launch, its documentation and its tests read them."""

from dataclasses import dataclass

from egorear_ros.config import ConfigError, EstimatorConfig, PlayerConfig, RuntimeConfig, walk

BOOLEAN = ("true", "false")


@dataclass(frozen=True)
class Argument:
    """One launch argument.

    Attributes:
        name: as written on the command line, `name:=value`.
        default: empty where the parameter file, or the default of config.py, decides; None: required.
        description: one sentence for `ros2 launch ... --show-args`.
        choices: what is accepted; empty: anything.
    """

    name: str
    default: str | None
    description: str
    choices: tuple[str, ...] = ()


def _choices(config: object, field: str) -> tuple[str, ...]:
    """Choices of a configuration field, and "" for leaving it to the parameter file."""
    return ("", *next(rule.choices for name, _, rule in walk(config) if name == field))


def replay_rate(text: str) -> float:
    """Return the speed of a replay from the launch argument `rate`.

    Raises:
        ConfigError: not a number, or not one that the player accepts.
    """
    try:
        rate = float(text)
    except ValueError:
        raise ConfigError(f"rate:={text}; expected a number: 1.0 as it was recorded, 0.5 half as fast.") from None
    next(rule for name, _, rule in walk(PlayerConfig()) if name == "rate").check("rate", rate)
    return rate


def common_arguments(params_file: str, use_sim_time: str = "false", composed: str = "false") -> tuple[Argument, ...]:
    """Return what every launch file accepts.

    Args:
        params_file: name of the default parameter file in config/.
        use_sim_time: its default, "true" or "false".
        composed: its default.
    """
    return (
        Argument("namespace", "", "Namespace of all nodes and topics, for several wearers on one network."),
        Argument("frame_prefix", "", "Put before every TF frame name, for several wearers in one TF tree."),
        Argument(
            "params_file",
            params_file,
            "ROS parameter file: a name in the package's config/, or the path of a .yaml file.",
        ),
        Argument(
            "calib", "", "Rig calibration: a name in calib/, or the path of a .yaml file. Empty: as in params_file."
        ),
        Argument(
            "estimator",
            "",
            "Method that turns images into joints. Empty: as in params_file.",
            _choices(EstimatorConfig(), "method"),
        ),
        Argument("checkpoint", "", "Weights: our .safetensors or an official .ckpt. Empty: as in params_file."),
        Argument(
            "runtime",
            "",
            "Engine that executes the model. Empty: as in params_file.",
            _choices(RuntimeConfig(), "name"),
        ),
        Argument("use_sim_time", use_sim_time, "Take the time from /clock.", BOOLEAN),
        Argument(
            "evaluate",
            "",
            "Compare poses with the ground truth, and write results into this folder. Empty: no evaluation.",
        ),
        Argument("rviz", "false", "Start RViz with rviz/egorear.rviz.", BOOLEAN),
        Argument(
            "log_level",
            "info",
            "Least severe messages that the nodes print.",
            ("debug", "info", "warn", "error", "fatal"),
        ),
        Argument(
            "composed",
            composed,
            "Run all nodes in one process, which hand images over without serialising them.",
            BOOLEAN,
        ),
    )


ARGUMENTS: dict[str, tuple[Argument, ...]] = {
    "rig": common_arguments("rig"),
    "demo": (
        # In one process the cameras share one synthetic body; apart, each of them makes its own.
        *common_arguments("demo", composed="true"),
        Argument("duration", "0", "End by itself after this many seconds; 0: with Ctrl-C."),
    ),
    "replay": (
        Argument("bag", None, "The recording: folder of a rosbag2, or an .mcap or .db3 file."),
        *common_arguments("replay", use_sim_time="true"),
        Argument("rate", "1.0", "Speed of the replay; 0.5: half as fast as it was recorded."),
        Argument("loop", "false", "Start the recording again at its end.", BOOLEAN),
        Argument(
            "player",
            "auto",
            "rosbag2: `ros2 bag play`; egorear: the node `player`; auto: rosbag2 if installed and the recording whole.",
            ("auto", "rosbag2", "egorear"),
        ),
        Argument("exit_at_end", "true", "End everything when the recording has ended.", BOOLEAN),
    ),
}
"""Arguments of launch/<name>.launch.py."""
