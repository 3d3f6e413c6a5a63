"""Runs a command in what of this machine it may touch: a program of its own, stdlib only.

    python -I confined.py '{"write": [...], "network": false, ...}' COMMAND ...

Where bubblewrap is not there, the kernel itself is asked: Landlock (landlock(7)) for writing, a
network namespace of its own (unshare(2)) with nothing but the loopback, limits (setrlimit(2)).
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import socket
import struct
import sys

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ACCESS = {
    "write": 1 << 1,
    "made": sum(1 << n for n in range(4, 13)),
    "refer": 1 << 13,
    "cut": 1 << 14,
}
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def landlock() -> int:
    """The version of Landlock that the kernel has; 0: none."""
    return max(int(_libc.syscall(_CREATE, None, 0, 1)), 0)


def only_write_in(folders: list[str]) -> bool:
    """From now on this process and its children write nowhere else; False: the kernel cannot."""
    version = landlock()
    if not version:
        return False
    access = _ACCESS["write"] | _ACCESS["made"]
    access |= (_ACCESS["refer"] if version > 1 else 0) | (_ACCESS["cut"] if version > 2 else 0)
    handled = struct.pack("=Q", access)
    rules = _libc.syscall(_CREATE, handled, len(handled), 0)
    if rules < 0:
        return False
    for path in folders:
        with contextlib.suppress(OSError):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            wanted = access if os.path.isdir(path) else access & (_ACCESS["write"] | _ACCESS["cut"])
            rule = struct.pack("=Qi", wanted, place)
            _libc.syscall(_ADD, rules, 1, rule, 0)
            os.close(place)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    done = bool(_libc.syscall(_RESTRICT, rules, 0) == 0)
    os.close(rules)
    return done


def without_network() -> bool:
    """From now on there is no network but the loopback; False: the kernel does not allow that."""
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWNET) != 0:
        if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
            return False
        with contextlib.suppress(OSError):
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                    file.write(text)
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        # SIOCSIFFLAGS with IFF_UP | IFF_RUNNING: what trains in several processes talks over it
        fcntl.ioctl(plug, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))
    return True


def limit(seconds: int, file_bytes: int) -> None:
    """Limits CPU time of a process and the size of a file; leaves no core behind."""
    for kind, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            _, hard = resource.getrlimit(kind)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, hard))


def main() -> None:
    """Confines itself as the first argument says and becomes the command."""
    asked = json.loads(sys.argv[1])
    limit(asked["cpu_s"], asked["file_bytes"])
    if not asked["network"]:
        without_network()
    if asked["write"] is not None:
        only_write_in(asked["write"])
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        sys.stderr.write(f"{sys.argv[2]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
