"""Message types without ROS: the standard ones of Jazzy, and ours from msg/."""

from functools import cache
from typing import TYPE_CHECKING

from egorear_ros.bags.base import BagError
from egorear_ros.paths import share_dir

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
IMAGE = "sensor_msgs/msg/Image"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TF_MESSAGE = "tf2_msgs/msg/TFMessage"
BODY_POSE = "egorear_ros/msg/BodyPose"


@cache
def typestore() -> "Typestore":
    """Return the types that recordings of a rig have.

    Raises:
        BagError: the message definitions of this package were not installed.
    """
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    folder = share_dir() / "msg"
    definitions = sorted(folder.glob("*.msg"))
    if not definitions:
        raise BagError(f"{folder} has no message definitions. Install the package again with pip or colcon.")
    types = {}
    for path in definitions:
        types.update(get_types_from_msg(path.read_text(encoding="utf-8"), f"egorear_ros/msg/{path.stem}"))
    store.register(types)
    return store
