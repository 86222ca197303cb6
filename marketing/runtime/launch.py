"""Becomes another program that dies with its parent, not as root where that program refuses root.

Run as a file: `python -I -S launch.py PARENT SIGNAL IDENTITY program arguments…`. It is a process
of its own because a fork that runs Python between fork and exec is not safe, and it needs only
the standard library. IDENTITY is `plain`, `namespace` or `nobody`.
"""

import ctypes
import os
import pwd
import signal
import struct
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
SECBIT_NO_SETUID_FIXUP = 4
CAPABILITY_VERSION_3 = 0x20080522


def die_with_parent(parent: int, number: int) -> None:
    """Ask the kernel to send this signal when the parent ends, however it ends."""
    if sys.platform == "linux":
        _call("prctl", PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def follow_parent() -> None:
    """In a process that a supervised one has forked: end when that one ends."""
    if os.environ.get("RAPPORT_SUPERVISED"):
        die_with_parent(os.getppid(), signal.SIGKILL)


def ordinary_user() -> int:
    """A user id other than root's that has a name, as initdb asks for one."""
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid), 65534)


def enter_namespace() -> None:
    """Look like an ordinary user to this process while staying the same user outside."""
    outside_user, outside_group = os.geteuid(), os.getegid()
    inside = ordinary_user()
    _call("unshare", CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{inside} {outside_user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{inside} {outside_group} 1", encoding="ascii")


def become_nobody() -> None:
    """Give up root, keeping only the right to pass through folders that are closed to others."""
    user = ordinary_user()
    # Without this bit access(2) would not count the right that is kept, and PostgreSQL asks it.
    _call("prctl", PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    bits = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    data = struct.pack("6I", bits, bits, bits, 0, 0, 0)
    _call("capset", header, data)
    _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def _call(name: str, *arguments: int | bytes) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    wide = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    if getattr(library, name)(*wide) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


IDENTITIES = {"plain": lambda: None, "namespace": enter_namespace, "nobody": become_nobody}


def main(arguments: list[str]) -> None:
    """Change identity, tie this process to its parent, become the program."""
    parent, number, identity, *command = arguments
    IDENTITIES[identity]()
    # After the change of identity: the kernel forgets the death signal when that happens.
    die_with_parent(int(parent), int(number))
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
