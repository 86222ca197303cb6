"""`manage.py tools NAME …`: a development tool in the interpreter that has it, with settings."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from marketing.runtime import bootstrap, environment
from marketing.runtime.problems import RuntimeProblem


def main(arguments: list[str]) -> int:
    """Run the tool; without a name, only see to it that the tools are there."""
    if not arguments:
        return 0
    name, *rest = arguments
    environment.export_addresses(environment.load())
    return subprocess.run([*_command(name), *rest], check=False, cwd=bootstrap.BASE_DIR).returncode


def _command(name: str) -> list[str]:
    if importlib.util.find_spec(name) and importlib.util.find_spec(f"{name}.__main__"):
        return [sys.executable, "-m", name]
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    script = shutil.which(name, path=beside)
    if script is None:
        raise RuntimeProblem(f"There is no tool “{name}”: tests/requirements.txt lists what is.")
    return [script]
