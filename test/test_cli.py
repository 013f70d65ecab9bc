import argparse
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from egorear_ros import __version__
from egorear_ros.cli import COMMANDS, main

REPOSITORY = Path(__file__).resolve().parents[1]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_list_of_commands_repeats_their_help(command: str) -> None:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    importlib.import_module(f"egorear_ros.commands.{command}").add_parser(subparsers)
    assert list(subparsers.choices) == [command]
    assert COMMANDS[command] in " ".join(parser.format_help().split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"usage: egorear {command}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["claib"], ["--unknown"]])
def test_wrong_words_list_the_commands(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: egorear" in capsys.readouterr().err


def test_mistakes_are_one_message_without_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calib", "show", "nosuch"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("egorear calib: no rig calibration 'nosuch'")
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_trace_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--traceback", "calib", "show", "nosuch"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_calibration_needs_neither_torch_nor_ros() -> None:
    code = (
        "import sys; from egorear_ros.cli import main; status = main(['calib', 'show', 'ego4view_syn']); "
        "sys.exit(status or 'torch' in sys.modules or 'rclpy' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "front_left" in result.stdout
