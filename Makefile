# Every verb makes what it needs first; the second time that takes a moment.
#
#   make demo            the synthetic wearer through the whole graph; Ctrl-C ends it (DURATION=20: by itself)
#   make test            all tests that can run on this machine (ARGS="-k sync -x": arguments for pytest)
#   make lint            ruff and mypy
#   make bench           measure this machine (ARGS="model": one benchmark)
#   make setup           only the virtual environment and the messages
#   make clean           remove the virtual environment and all that was built

PYTHON ?= python3
VENV := .venv
DURATION ?=
ARGS ?=
# More arguments for pip when it installs torch, for example an index with CPU-only builds.
TORCH_PIP_ARGS ?=

# A sourced distribution, a user's site or another environment's ROS must not mix with the wheels.
ifneq ($(AMENT_PREFIX_PATH)$(_ROS_WHEELS_BOOTSTRAP_COMPLETE),)
unexport LD_LIBRARY_PATH
endif
unexport PYTHONPATH PYTHONHOME AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH
unexport ROS_DISTRO ROS_VERSION ROS_PYTHON_VERSION _ROS_WHEELS_BOOTSTRAP_COMPLETE
export PYTHONNOUSERSITE := 1
export TORCH_PIP_ARGS

.PHONY: help demo test lint bench setup clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@command -v '$(PYTHON)' >/dev/null || { echo "$(PYTHON) was not found. Install Python 3.10 to 3.13, or name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || { echo "$(PYTHON) is $$('$(PYTHON)' -V 2>&1); ROS 2's wheels need Python 3.10 to 3.13. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@'$(PYTHON)' scripts/setup_venv.py $(VENV) $(if $(filter command line environment,$(origin PYTHON)),--exact-python)

demo: setup
	@if [ -n '$(DURATION)' ]; then seconds='$(DURATION)'; elif [ -t 1 ]; then seconds=0; else seconds=30; fi; \
	$(VENV)/bin/egorear demo --duration "$$seconds" $(ARGS)

test: setup
	@$(VENV)/bin/python -m pytest $(ARGS)

lint: setup
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

bench: setup
	@$(VENV)/bin/egorear bench --page docs/performance.md --plot docs/images/scaling.png $(ARGS)

clean:
	rm -rf $(VENV) build
