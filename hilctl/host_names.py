"""Names of hosts, looked up once a session and never waited for without an end.

The system's own look-up knows no time limit: where no name server answers it takes half a minute,
and an arm is not told anything meanwhile. Whatever reaches for a robot or a camera over the network
asks here first. What is shown or sent of an address has no password.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time

from hilctl.errors import DeviceError

LOOK_UP_S = 3.0
PASSWORD = re.compile(r"(?<=://)[^/\s]*@")  # and whose it is
MEND = (
    "is it spelt right, and does this network's name server answer? A number, such as "
    "192.168.1.10, in task.yaml needs none"
)


def without_password(address: str) -> str:
    """Return an address as it may be shown."""
    return PASSWORD.sub("…@", address)


class HostNameError(DeviceError):
    """A name of a host is not known, or nobody has said what is behind it."""


class _LookUp:
    """One look-up in a thread of its own, which may take as long as it likes."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.over = threading.Event()
        self.found: tuple[str, ...] = ()
        self.error = ""
        threading.Thread(target=self._run, name=f"look-up of {host}", daemon=True).start()

    def _run(self) -> None:
        try:
            told = socket.getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
            told.sort(key=lambda one: one[0] != socket.AF_INET)  # robots and cameras speak that
            self.found = tuple(dict.fromkeys(str(one[4][0]) for one in told))
        except (OSError, UnicodeError) as error:  # the latter of a name that cannot be one
            self.error = str(getattr(error, "strerror", None) or error)
        self.over.set()


_LOOK_UPS: dict[str, _LookUp] = {}
_TURN = threading.Lock()


def addresses_of(host: str, limit_s: float | None = None) -> tuple[str, ...]:
    """Return the numeric addresses of a host, of the older kind first; for any thread.

    Args:
        host: its name, or a number, which is returned as it is.
        limit_s: to wait for an answer, None = `LOOK_UP_S`; one that comes later is there for
            whoever asks next.

    Raises:
        HostNameError: there is no such name, or no answer in time.
    """
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    with _TURN:
        look_up = _LOOK_UPS.get(host)
        if look_up is None:
            look_up = _LOOK_UPS[host] = _LookUp(host)
    limit_s = LOOK_UP_S if limit_s is None else limit_s
    if not look_up.over.wait(limit_s):
        how = f"has not been answered within {limit_s:.2g} s"
        raise HostNameError(f"the look-up of the name {host} {how}", hint=MEND)
    if not look_up.found:
        forget(host)
        raise HostNameError(f"the name {host} is not known: {look_up.error}", hint=MEND)
    return look_up.found


def address_of(host: str, limit_s: float | None = None) -> str:
    """Return the first of `addresses_of`, for libraries that would look up the name themselves.

    Raises:
        HostNameError: there is no such name, or no answer in time.
    """
    return addresses_of(host, limit_s)[0]


def forget(host: str) -> None:
    """Have a name looked up anew when it is asked for next."""
    with _TURN:
        _LOOK_UPS.pop(host, None)


def connected(host: str, port: int, limit_s: float) -> socket.socket:
    """Return a connection to a port of a host.

    Args:
        host: its name or number.
        port: there.
        limit_s: for all of it, the look-up of the name included.

    Raises:
        HostNameError: there is no such name, or no answer in time.
        OSError: nobody can be reached there in time; the name is looked up anew next time.
    """
    deadline_s = time.monotonic() + limit_s
    first: OSError | None = None
    for address in addresses_of(host, limit_s):
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            break
        try:
            return socket.create_connection((address, port), timeout=left_s)
        except OSError as error:
            first = first or error
    forget(host)
    raise first or TimeoutError("timed out")
