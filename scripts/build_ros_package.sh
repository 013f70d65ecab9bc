#!/bin/sh
# Build the messages and install this package into a virtual environment that holds ROS's Python
# wheels. The environment is the ament prefix: nothing needs to be sourced afterwards. Sources are
# linked, not copied, so that edits take effect.
#
#   scripts/build_ros_package.sh .venv build [folder of Python.h]
set -eu

venv=$(cd "$1" && pwd)
mkdir -p "$2"
build=$(cd "$2" && pwd)
source=$(cd "$(dirname "$0")/.." && pwd)

# A sourced distribution must not mix with the wheels.
unset PYTHONPATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH ROS_DISTRO ROS_VERSION
unset ROS_PYTHON_VERSION _ROS_WHEELS_BOOTSTRAP_COMPLETE CMAKE_GENERATOR CMAKE_INSTALL_PREFIX DESTDIR
export AMENT_PREFIX_PATH="$venv" CMAKE_PREFIX_PATH="$venv" LD_LIBRARY_PATH="$venv/lib"
export PATH="$venv/bin:$PATH"
headers=${3:-}
if [ -n "$headers" ]; then
  export CPATH="$(dirname "$headers")${CPATH:+:$CPATH}"  # Debian's pyconfig.h includes one beside python3.x/
fi

build_package() {  # name, source folder
  echo "-- building $1"
  mkdir -p "$build/$1" && cd "$build/$1"  # ament leaves a manifest where it is run
  log="$build/$1.log"
  if ! {
    cmake -S "$2" -B "$build/$1" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
      ${headers:+"-DPython3_INCLUDE_DIR=$headers"} \
      -DCMAKE_INSTALL_PREFIX="$venv" -DAMENT_CMAKE_SYMLINK_INSTALL=1 -DPython3_EXECUTABLE="$venv/bin/python" &&
      cmake --build "$build/$1" &&
      cmake --install "$build/$1"
  } >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "Building $1 failed; the whole log is $log." >&2
    exit 1
  fi
}

if ! [ -e "$venv/share/ament_index/resource_index/packages/tf2_msgs" ]; then
  build_package tf2_msgs "$source/cmake/tf2_msgs"
fi
build_package egorear_ros "$source"
# Links to sources that are no more: a file that was removed or moved since the last build.
find "$venv/lib" "$venv/share" -xtype l -lname "$source/*" -delete
