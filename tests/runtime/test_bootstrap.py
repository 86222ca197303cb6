"""A bare Python is set up once, and what was interrupted is made anew."""

from pathlib import Path

import pytest

from marketing.runtime import bootstrap, packages
from marketing.runtime.problems import RuntimeProblem


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "requirements.txt").write_text("Django==5.2.19  # the web framework\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "requirements.txt").write_text("pytest==9.2.0\n")
    monkeypatch.setattr(bootstrap, "BASE_DIR", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    return tmp_path


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of pip and venv, without asking them."""
    calls: list[str] = []

    def make_venv(venv: Path) -> None:
        calls.append("venv")
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        python = venv / "bin" / "python"
        python.write_text("#!/bin/sh\n")
        python.chmod(0o755)

    monkeypatch.setattr(packages, "make_venv", make_venv)
    monkeypatch.setattr(packages, "install", lambda *_, **__: calls.append("install"))
    monkeypatch.setattr(bootstrap, "_continue_in", lambda venv: calls.append("continue"))
    return calls


def test_pins_are_read_without_their_extras_and_comments(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# what for\npsycopg[binary]==3.3.9  # driver\n\nhttpx==0.28.1\n")

    assert bootstrap.pins([file]) == {"psycopg": "3.3.9", "httpx": "0.28.1"}


def test_an_interpreter_with_every_pin_is_used_as_it_is(checkout: Path, made: list[str]) -> None:
    bootstrap.ensure(tests=True)

    assert made == []
    assert not (checkout / ".venv").exists()


def test_an_interpreter_with_another_version_is_not_used(checkout: Path, made: list[str]) -> None:
    (checkout / "requirements.txt").write_text("Django==1.0\n")

    bootstrap.ensure()

    assert made == ["venv", "install", "continue"]


def test_a_finished_environment_is_only_entered(checkout: Path, made: list[str]) -> None:
    (checkout / "requirements.txt").write_text("Django==1.0\n")
    bootstrap.ensure()
    made.clear()

    bootstrap.ensure()

    assert made == ["continue"]


def test_the_tests_add_to_an_environment_that_start_has_made(
    checkout: Path, made: list[str]
) -> None:
    (checkout / "requirements.txt").write_text("Django==1.0\n")
    bootstrap.ensure()
    made.clear()

    bootstrap.ensure(tests=True)

    assert made == ["install", "continue"]
    assert bootstrap.stamped(checkout / ".venv", tests=False)
    assert bootstrap.stamped(checkout / ".venv", tests=True)


def test_an_interrupted_set_up_is_made_anew(checkout: Path, made: list[str]) -> None:
    (checkout / "requirements.txt").write_text("Django==1.0\n")
    bootstrap.ensure()
    (checkout / ".venv" / bootstrap.STAMP).unlink()
    (checkout / ".venv" / bootstrap.UNFINISHED).touch()
    made.clear()

    bootstrap.ensure()

    assert made == ["venv", "install", "continue"]
    assert not (checkout / ".venv" / bootstrap.UNFINISHED).exists()


def test_a_new_pin_is_installed_into_the_environment_at_hand(
    checkout: Path, made: list[str]
) -> None:
    (checkout / "requirements.txt").write_text("Django==1.0\n")
    bootstrap.ensure()
    (checkout / "requirements.txt").write_text("Django==1.1\n")
    made.clear()

    bootstrap.ensure()

    assert made == ["install", "continue"]


def test_pips_environment_wins_over_its_files() -> None:
    listing = (
        ":env:.find-links='/wheels'\n"
        "global.extra-index-url='https://one.example/simple https://two.example/simple'\n"
        "global.find-links='/elsewhere'\n"
        "install.cert='/etc/ca.pem'\n"
    )

    assert packages.parse_pip_settings(listing) == {
        "find-links": "/wheels",
        "extra-index-url": "https://one.example/simple https://two.example/simple",
        "cert": "/etc/ca.pem",
    }


def test_uv_looks_where_pip_would_unless_it_is_told_otherwise() -> None:
    settings = {
        "index-url": "https://index.example/simple",
        "find-links": "/a /b",
        "cert": "/etc/ca.pem",
    }

    told = packages.uv_environment(settings, {"SSL_CERT_FILE": "/mine.pem"})

    assert told == {
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_FIND_LINKS": "/a,/b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_pip_takes_over_where_uv_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def run(command: list[str], environment: object, purpose: str) -> None:
        tried.append(purpose)
        if len(tried) == 1:
            raise RuntimeProblem("no wheel")

    monkeypatch.setattr(packages, "_run", run)
    monkeypatch.setattr(packages, "pip_settings", lambda venv: {})
    monkeypatch.setattr(packages, "pip", lambda venv: ["pip"])
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/uv")

    packages.install(tmp_path, [tmp_path / "requirements.txt"], say=lambda line: None)

    assert tried == ["install the requirements", "install the requirements"]


def test_a_python_that_cannot_install_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(packages, "_python_with_pip", lambda: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(RuntimeProblem, match="apt install python3-venv"):
        packages.make_venv(tmp_path / ".venv")


def test_a_full_disk_is_named_as_such(tmp_path: Path) -> None:
    script = tmp_path / "pip"
    script.write_text("#!/bin/sh\necho 'OSError: [Errno 28] No space left on device' >&2\nexit 1\n")
    script.chmod(0o755)

    with pytest.raises(RuntimeProblem, match="The disk is full: make room to install uv"):
        packages._run([str(script)], {}, "install uv")
