"""Egocentric 3D body pose from head-mounted fisheye cameras, on ROS 2."""

from pkgutil import extend_path

# Run from a checkout, the sources come from there and the generated messages
# (`egorear_ros.msg`) from the installed package of the same name: join both.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"
