"""What `egorear bag record` says of its recording."""

from egorear_ros.bags.base import Topic
from egorear_ros.bags.typestore import BODY_POSE, COMPRESSED_IMAGE
from egorear_ros.commands.bag_record import describe


def test_overlays_are_no_images_of_cameras() -> None:
    counts = {
        Topic("/lab/front_left/image_raw/compressed", COMPRESSED_IMAGE): 10,
        Topic("/lab/front_right/image_raw/compressed", COMPRESSED_IMAGE): 9,
        Topic("/lab/front_left/overlay/compressed", COMPRESSED_IMAGE): 5,
        Topic("/lab/body_pose", BODY_POSE): 8,
    }
    assert describe(counts) == "19 images of 2 cameras, 32 messages of 4 topics"


def test_nothing_yet() -> None:
    assert describe({}) == "no images yet, 0 messages of 0 topics"
