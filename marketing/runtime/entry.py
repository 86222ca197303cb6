"""What `manage.py` does: set itself up, have engines, run the command."""

import sys

from marketing.runtime import bootstrap
from marketing.runtime.problems import RuntimeProblem

# These only read settings and files, or print help.
WITHOUT_ENGINES = frozenset(
    {"help", "version", "check", "makemessages", "compilemessages", "collectstatic", "translations"}
)
WITH_TEST_REQUIREMENTS = frozenset({"test", "tools", "translations"})


def run(arguments: list[str]) -> int:
    """Run one command line; a problem of the machine is one sentence, not a traceback."""
    try:
        return _run(arguments)
    except RuntimeProblem as problem:
        print(f"rapport: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("rapport: interrupted; what was half made is made anew next time.", file=sys.stderr)
        return 130


def _run(arguments: list[str]) -> int:
    command = arguments[1] if len(arguments) > 1 else "help"
    bootstrap.ensure(tests=command in WITH_TEST_REQUIREMENTS)
    if command == "start":
        from marketing.runtime import start

        return start.main(arguments[2:])
    if command == "test":
        from marketing.runtime import testing

        return testing.main(arguments[2:])
    if command == "status":
        from marketing.runtime import status

        return status.main()
    if command == "tools":
        from marketing.runtime import tools

        return tools.main(arguments[2:])
    return _management(command, arguments)


def _management(command: str, arguments: list[str]) -> int:
    from marketing.runtime import environment, session

    here = environment.load()
    if command in WITHOUT_ENGINES or "--help" in arguments or command.startswith("-"):
        environment.export_addresses(here)
        _django(arguments)
        return 0
    with session.for_command(here):
        _django(arguments)
    return 0


def _django(arguments: list[str]) -> None:
    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)
