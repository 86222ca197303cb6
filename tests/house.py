"""What the house's own tests read: source files, their functions, and the floors they live on."""

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = ("crm", "marketing", "campaigns")


@dataclass(frozen=True)
class Function:
    """A function as it stands in a file."""

    path: Path
    node: ast.FunctionDef | ast.AsyncFunctionDef

    @property
    def lines(self) -> int:
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.node.lineno} {self.node.name}"


@cache
def sources() -> tuple[Path, ...]:
    """Every Python file of the apps and benchmarks, migrations aside."""
    found = [
        path
        for room in (*APPS, "benchmarks")
        for path in sorted((ROOT / room).rglob("*.py"))
        if "migrations" not in path.parts
    ]
    return (ROOT / "manage.py", *found)


@cache
def tree(path: Path) -> ast.Module:
    """A file, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[Function]:
    """Every function and method of a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(path, node)


@cache
def floors(app: str) -> dict[str, tuple[str, ...]]:
    """The floors of an app by name, as the import contract in pyproject.toml lists them."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in config["tool"]["importlinter"]["contracts"]:
        if contract.get("containers") == [app]:
            names = ("wiring", "interfaces", "tasks", "operations", "crafts", "models", "words")
            rooms = [
                tuple(part.strip() for part in layer.replace("|", ":").split(":"))
                for layer in contract["layers"]
            ]
            if len(rooms) == len(names) - 1:  # an app without crafts of its own
                names = tuple(name for name in names if name != "crafts")
            assert len(rooms) == len(names), f"{app} has {len(rooms)} floors, not {len(names)}"
            return dict(zip(names, rooms, strict=True))
    raise AssertionError(f"pyproject.toml has no floors for {app}")


def files_of(app: str, floor: str) -> Iterator[Path]:
    """Every file on one floor of an app."""
    for room in floors(app).get(floor, ()):
        single = ROOT / app / f"{room}.py"
        if single.exists():
            yield single
        yield from sorted((ROOT / app / room).rglob("*.py"))


def operations() -> Iterator[Path]:
    """Every file that holds operations."""
    for app in APPS:
        yield from files_of(app, "operations")


def public_functions(path: Path) -> Iterator[Function]:
    """The functions of a module that others may call."""
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield Function(path, node)
