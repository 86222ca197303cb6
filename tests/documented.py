"""What the documentation must speak of, read from the code, and what it says, read from docs/."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver

from crm import choices as crm_choices
from crm.api import clicks, snippet, tracking
from tests import house

ROOT = house.ROOT
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"[A-Z][A-Z0-9_]+")
# Which shells and operating systems have set for other reasons than ours.
OF_THE_MACHINE = frozenset({"PATH", "PYTHONPATH", "PYTEST_XDIST_WORKER"})


def page(name: str) -> str:
    """A page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def pages() -> list[Path]:
    """Everything that is written for readers."""
    beside = (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))
    return [*sorted(DOCS.rglob("*.md")), *(path for path in beside if path.exists())]


def fences(text: str, language: str) -> list[str]:
    """The examples of one language."""
    return [body for named, body in FENCE.findall(text) if named == language]


def in_code(text: str) -> set[str]:
    """Everything set in backticks, examples aside."""
    return set(re.findall(r"`([^`\n]+)`", FENCE.sub("", text)))


def rows(text: str) -> dict[str, str]:
    """The rows of all tables, by each word in backticks in their first cell."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("| "):
            continue
        first, _, rest = line.removeprefix("| ").partition(" | ")
        for name in re.findall(r"`([^`]+)`", first):
            found[name] = f"{found.get(name, '')} {rest}"
    return found


# --- Settings -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """A name read from the environment, with its default where that is written out."""

    name: str
    default: object = None


_READS = re.compile("environ|getenv|ENVIRONMENT")


@cache
def settings() -> dict[str, Setting]:
    """What marketing/settings.py, the runtime and the tests read from the environment."""
    found = {setting.name: setting for setting in _of_django()}
    for path in _readers():
        for name in _read_names(path) - set(found) - OF_THE_MACHINE - _set_by_ourselves():
            found[name] = Setting(name)
    return found


def _of_django() -> Iterator[Setting]:
    for call in _calls(ROOT / "marketing" / "settings.py"):
        owner = getattr(call.func, "value", None)
        if not (isinstance(owner, ast.Name) and owner.id == "env" and call.args):
            continue
        name = _text(call.args[0])
        default = next((word.value for word in call.keywords if word.arg == "default"), None)
        known = default.value if isinstance(default, ast.Constant) else None
        if name and name != "RAPPORT_ENV_FILE":
            yield Setting(name, known)
        elif name:
            yield Setting(name)


def _readers() -> list[Path]:
    """The files that may read the environment: to read all others as code would take seconds."""
    tests = sorted((ROOT / "tests").rglob("*.py"))
    every = [path for path in (*house.sources(), *tests) if path.name != "documented.py"]
    return [path for path in every if _READS.search(path.read_text(encoding="utf-8"))]


def _read_names(path: Path) -> set[str]:
    """Names in `os.environ.get(…)`, `os.environ[…]` and `os.getenv(…)`."""
    constants = _constants(path)
    found: set[str] = set()
    for node in ast.walk(house.tree(path)):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and _is_environ(node.value):
            key = node.slice if isinstance(node.ctx, ast.Load) else None
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            got = node.func.attr in {"get", "pop"} and _is_environ(node.func.value)
            key = node.args[0] if got or node.func.attr == "getenv" else None
        found |= _possible_names(key, constants)
    return found


def _possible_names(key: ast.expr | None, constants: dict[str, str]) -> set[str]:
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return {key.value}
    if isinstance(key, ast.Name | ast.Attribute):
        named = key.id if isinstance(key, ast.Name) else key.attr
        return {constants[named]} if named in constants else set()
    if isinstance(key, ast.JoinedStr) and isinstance(key.values[0], ast.Constant):
        prefix = str(key.values[0].value)
        return {f"{prefix}DATABASE_URL", f"{prefix}REDIS_URL"}
    return set()


@cache
def _set_by_ourselves() -> frozenset[str]:
    """What one process of ours tells another; nobody else sets it."""
    found: set[str] = set()
    for path in set(_readers()) & set(house.sources()):
        for node in ast.walk(house.tree(path)):
            if isinstance(node, ast.Subscript) and _is_environ(node.value):
                name = _text(node.slice)
                found |= {name} if name and isinstance(node.ctx, ast.Store) else set()
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                kept = any(getattr(target, "id", "") == "ENVIRONMENT" for target in node.targets)
                found |= {_text(key) or "" for key in node.value.keys if kept}
    return frozenset(found - {setting.name for setting in _of_django()})


def _is_environ(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


@cache
def _constants(path: Path) -> dict[str, str]:
    return {
        node.targets[0].id: node.value.value
        for node in house.tree(path).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and NAME.fullmatch(node.value.value)
    }


# --- Events -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """Names that one place in the code can record, and the properties it writes."""

    where: str
    names: frozenset[str]
    properties: frozenset[str]


def events() -> list[Recorded]:
    """Every `NewEvent(…)` in the code."""
    return [
        _recorded(path, call)
        for path in house.sources()
        for call in _calls(path)
        if getattr(call.func, "attr", getattr(call.func, "id", "")) == "NewEvent"
        and any(word.arg == "name" for word in call.keywords)
    ]


def looked_for_events() -> set[str]:
    """Names of events that SQL in the code asks for."""
    asked = re.compile(r"\bname\s*(?:=|<>|IN)\s*\(?((?:\s*,?\s*'[a-z]+\.[a-z_]+')+)")
    texts = (text for path in house.sources() for text in _texts(path))
    return {
        name
        for text in texts
        for group in asked.findall(text)
        for name in re.findall(r"'([^']+)'", group)
    }


def _recorded(path: Path, call: ast.Call) -> Recorded:
    words = {word.arg: word.value for word in call.keywords}
    function = _around(path, call)
    names = _event_names(path, words["name"], function)
    keys = _dict_keys(words.get("properties"), function)
    return Recorded(f"{path.relative_to(ROOT)}:{call.lineno}", frozenset(names), frozenset(keys))


def _event_names(path: Path, value: ast.expr, function: ast.FunctionDef | None) -> set[str]:
    if text := _text(value):
        return {text}
    if not isinstance(value, ast.JoinedStr) or function is None:
        return set()  # a name from outside: the caller of the API chooses it
    prefix = str(getattr(value.values[0], "value", ""))
    variable = value.values[-1]
    assert isinstance(variable, ast.FormattedValue)
    return {prefix + word for word in _words(path, variable.value, function, prefix)}


def _words(path: Path, value: ast.expr, function: ast.FunctionDef, prefix: str) -> set[str]:
    """What a placeholder can stand for: what callers pass, or the choices of a model's field."""
    if isinstance(value, ast.Attribute) and value.attr == "value":
        value = value.value
    arguments = [*function.args.args, *function.args.kwonlyargs]
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
        owner = next((a for a in arguments if a.arg == value.value.id), None)
        model = _model(getattr(owner.annotation, "id", "") if owner else "")
        choices = model._meta.get_field(value.attr).choices if model else ()
        return {str(choice) for choice, _ in choices or ()}
    if not isinstance(value, ast.Name):
        return set()
    position = [argument.arg for argument in function.args.args].index(value.id)
    found: set[str] = set()
    for call in _calls(path):
        if getattr(call.func, "id", "") == function.name:
            passed = call.args[position]
            found |= {_text(passed) or _member(passed)} if not _is_open(passed) else set()
            found |= _constants_of_family(prefix) if _is_open(passed) else set()
    return found


def _is_open(value: ast.expr) -> bool:
    return not (_text(value) or _member(value))


def _member(value: ast.expr) -> str:
    """The value of an enumeration's member, such as `MessageState.SENT`."""
    if not (isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name)):
        return ""
    kind = getattr(crm_choices, value.value.id, None)
    return str(kind[value.attr].value) if kind else ""


def _constants_of_family(prefix: str) -> set[str]:
    shape = re.compile(re.escape(prefix) + r"([a-z_]+)")
    texts = (text for path in house.sources() for text in _texts(path))
    return {match[1] for text in texts if (match := shape.fullmatch(text))}


def _dict_keys(value: ast.expr | None, function: ast.FunctionDef | None) -> set[str]:
    keys: set[str] = set()
    for node in ast.walk(function) if isinstance(value, ast.Name) and function else ():
        target = getattr(node, "target", None) or next(iter(getattr(node, "targets", [])), None)
        if isinstance(target, ast.Name) and target.id == value.id:  # type: ignore[union-attr]
            keys |= _dict_keys(node.value, None)  # type: ignore[attr-defined]
        if isinstance(target, ast.Subscript) and getattr(target.value, "id", "") == value.id:  # type: ignore[union-attr]
            keys.add(_text(target.slice) or "")
    if isinstance(value, ast.Dict):
        keys |= {_text(key) or "" for key in value.keys if key is not None}
    return keys - {""}


def _model(name: str) -> Any:
    return next((model for model in apps.get_models() if model.__name__ == name), None)


def _around(path: Path, call: ast.Call) -> ast.FunctionDef | None:
    inside = (
        function.node
        for function in house.functions(path)
        if function.node.lineno <= call.lineno <= (function.node.end_lineno or 0)
    )
    return max(inside, key=lambda node: node.lineno, default=None)  # type: ignore[return-value]


# --- Addresses ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Route:
    """A public address, its placeholders written as `<name>`."""

    path: str
    view: Any


def routes() -> list[Route]:
    """Every address but those of the admin."""
    found = [route for route in _routes(get_resolver().url_patterns, "/")]
    return [route for route in found if not route.path.startswith("/admin/")]


def _routes(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[Route]:
    for pattern in patterns:
        path = before + _plain(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, path)
        elif "format" not in str(pattern.pattern):
            yield Route(path, pattern.callback)


def _plain(pattern: str) -> str:
    named = re.sub(r"\(\?P(<\w+>)(?:[^()]|\([^)]*\))*\)", r"\1", pattern)
    return re.sub(r"<\w+:(\w+)>", r"<\1>", named).strip("^$").replace("\\Z", "")


def probes() -> set[str]:
    """Addresses that answer beside the resolver: probes and live streams."""
    found = set()
    for name in ("health.py", "asgi.py"):
        texts = _texts(ROOT / "marketing" / name)
        found |= {text for text in texts if re.fullmatch(r"/[a-z]+/?", text)}
    return found


def tracked() -> set[str]:
    """What the tracking API answers before Django, with its methods."""
    return {f"POST {path}" for path in tracking.PATHS} | {f"GET {snippet.PATH}", clicks.PICTURE}


# --- Commands, registries -----------------------------------------------------------------------


def commands() -> dict[str, list[str]]:
    """Our management commands, and the options of each."""
    found = {}
    for app in house.APPS:
        for path in sorted((ROOT / app / "management" / "commands").glob("[a-z]*.py")):
            found[path.stem] = _options(path)
    entry = house.tree(ROOT / "marketing" / "runtime" / "entry.py")
    for node in ast.walk(entry):
        if isinstance(node, ast.Compare) and getattr(node.left, "id", "") == "command":
            for name in filter(None, map(_text, node.comparators)):
                module = {"test": "testing"}.get(name, name)
                found[name] = _options(ROOT / "marketing" / "runtime" / f"{module}.py")
    return found


def _options(path: Path) -> list[str]:
    adding = (call for call in _calls(path) if getattr(call.func, "attr", "") == "add_argument")
    texts = (_text(argument) for call in adding for argument in call.args)
    return [text for text in texts if text]


def registries() -> dict[str, Path]:
    """Every `Registry(…)` by the name it is kept under."""
    found = {}
    for path in house.sources():
        for node in ast.walk(house.tree(path)):
            made = node.value if isinstance(node, ast.Assign) else None
            if isinstance(made, ast.Call) and getattr(made.func, "id", "") == "Registry":
                found[node.targets[0].id] = path  # type: ignore[attr-defined]
    return found


# --- Reading code -------------------------------------------------------------------------------


def _calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(house.tree(path)) if isinstance(node, ast.Call))


def _texts(path: Path) -> Iterator[str]:
    for node in ast.walk(house.tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
