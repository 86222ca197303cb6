"""A process that turns one MJML document into HTML and ends: whatever it meets takes nobody along.

Reads MJML from its input, writes HTML, or says on its error output what is wrong.
"""

import resource
import sys

MEMORY, SECONDS = 256 * 1024 * 1024, 1

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import mjml

    try:
        # No font is loaded from anywhere that the template does not name.
        made = mjml.mjml2html(sys.stdin.buffer.read().decode(), fonts={})
    except ValueError as error:
        sys.stderr.write(str(error))
        sys.exit(1)
    sys.stdout.buffer.write(made.encode())
