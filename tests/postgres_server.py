"""A real PostgreSQL of Debian's package on a host of its own, gone with the host."""

from __future__ import annotations

import contextlib
import glob
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from network_hosts import Host

USER = "mlflow"
_HOME = "/var/lib/postgresql"


def programs() -> Path | None:
    """The folder of the newest server's programs, as Debian lays them out; None without one."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    newest = max(found, key=lambda path: int(Path(path).parts[4]), default=None)
    return Path(newest).parent if newest else None


@contextlib.contextmanager
def postgres(host: Host, password: str) -> Iterator[str]:
    """A server that listens at the host's address; its URI, with the password.

    Its database is named as its user is. It wants the password of whoever comes by the network, and
    lies in the memory of the host, where the user ``postgres``, which Debian's package makes, may
    write: the test's own folders are root's.
    """
    bin_ = programs()
    assert bin_ is not None, "install Debian's package postgresql"
    host.run(["mount", "-t", "tmpfs", "-o", "uid=postgres,gid=postgres,mode=0700", "none", _HOME])
    as_postgres = ["runuser", "--user=postgres", "--"]
    data, secret = f"{_HOME}/data", f"{_HOME}/password"
    host.run([*as_postgres, "sh", "-c", f"umask 077; cat > {secret}"], stdin=password)
    initdb = [bin_ / "initdb", "--pgdata", data, "--username", USER, "--no-sync"]
    initdb += ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8"]
    host.run([*as_postgres, *initdb])
    rule = f"host all all {host.address}/24 scram-sha-256"
    host.run([*as_postgres, "sh", "-c", f"rm {secret}; echo '{rule}' >> {data}/pg_hba.conf"])
    settings = {"listen_addresses": host.address, "unix_socket_directories": _HOME}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (host.folder / "postgres.log").open("wb") as log:
        server = host.start(
            [*as_postgres, bin_ / "postgres", "-D", data, *options], dict(os.environ), log
        )
    try:
        ready = host.there([bin_ / "pg_isready", "--quiet", f"--host={host.address}"])
        while subprocess.run(ready, check=False).returncode:
            assert server.poll() is None, (host.folder / "postgres.log").read_text()
            time.sleep(0.1)
        host.run(
            [bin_ / "createdb", f"--host={host.address}", f"--username={USER}", USER],
            PGPASSWORD=password,
        )
        yield f"postgresql://{USER}:{password}@{host.address}:5432/{USER}"
    finally:
        # What is left of it ends with the host.
        server.kill()
        server.wait()


def dump(host: Host, password: str) -> str:
    """All that the database holds, as SQL."""
    bin_ = programs()
    assert bin_ is not None
    command = [bin_ / "pg_dump", f"--host={host.address}", f"--username={USER}", USER]
    return host.run(command, PGPASSWORD=password)
