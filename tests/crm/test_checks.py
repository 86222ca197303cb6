"""What is wrong with the setting-up is said at the start, with a way to mend it."""

from pathlib import Path

from crm import checks


def test_a_channel_that_no_adapter_speaks_is_named(settings: object) -> None:
    settings.EMAIL_URL = "pigeon://loft"  # type: ignore[attr-defined]

    (problem,) = checks.providers_are_known()

    assert "pigeon://" in problem.msg
    assert "EMAIL_URL" in problem.hint


def test_an_address_that_its_adapter_cannot_use_is_named(settings: object) -> None:
    settings.EMAIL_URL = "smtp://mail.example?tls=maybe"  # type: ignore[attr-defined]

    (problem,) = checks.providers_are_known()

    assert "tls=maybe" in problem.msg
    assert problem.id == "crm.E002"


def test_the_defaults_are_sound(settings: object, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]

    assert checks.providers_are_known() == []
    assert checks.journals_can_be_written() == []


def test_a_folder_that_cannot_be_written_is_named(settings: object, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.VAR_DIR = tmp_path / "file"  # type: ignore[attr-defined]

    (problem,) = checks.journals_can_be_written()

    assert problem.id == "crm.E003"


def test_a_private_place_that_is_none_is_said_with_how_to_mend_it(settings: object) -> None:
    settings.PROVIDER_ALLOWED_HOSTS = ["10.0.0.0/8", "http://relay"]  # type: ignore[attr-defined]

    (problem,) = checks.private_places_are_places()

    assert "http://relay" in problem.msg
    assert "PROVIDER_ALLOWED_HOSTS" in problem.hint
