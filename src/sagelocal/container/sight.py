"""A job's files from outside its container: links lead where the job saw them lead, and nowhere else.

A script may leave links below `/opt/ml`, and even in the place of its folders. What one names is a path as
the job saw it: `/opt/ml/…` and `/tmp/…` are its own, and somewhere else on this machine; all the rest is not
the job's, though this process could read and write it, and the job perhaps could not.
"""

from __future__ import annotations

import errno
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sagelocal.container import isolation, layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_LINKS = 40
"""More in one path are a circle, as for Linux."""


class AstrayError(Exception):
    """A path leads to what is not the job's, or no file and no folder; the message has the job's names."""


class Found(NamedTuple):
    """A file or folder: its name below the folder that was looked at, and its place on this machine."""

    name: str
    place: Path
    is_folder: bool


@dataclass(frozen=True)
class Sight:
    """The folders of a job's own: where the job sees each, and where that is on this machine."""

    places: tuple[tuple[Path, Path], ...]

    def real(self, path: Path) -> Path:
        """Return where a path below one of the job's folders on this machine leads, without links.

        Raises:
            FileNotFoundError: nothing is there.
            AstrayError: by a link it leads to what is not the job's own, or nowhere.

        """
        asked = self.named(path)
        at, left, links = Path("/"), list(reversed(asked.parts[1:])), 0
        while left:
            part = left.pop()
            if part == "..":
                at = at.parent
                continue
            step = at / part
            target = self._target(asked, step, left, is_led=bool(links))
            if target is None:
                at = step
                continue
            links += 1
            if links > MOST_LINKS:
                raise AstrayError(f"{asked} leads in a circle")
            at = Path("/") if target.is_absolute() else at
            left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        own = self._own(at)
        if own is None:
            raise AstrayError(f"{asked} leads to {at}, which is not the job's")
        return own

    def contents(self, folder: Path, left_out: Callable[[str], None]) -> Iterator[Found]:
        """Yield what a folder of the job holds, in the order of the names; a link is what it points to.

        `left_out` is told what leads astray, what is no file and no folder, and what cannot be read. What is
        not there, or is deleted meanwhile, is no error.
        """
        waiting: list[tuple[str, Path, frozenset[Path]]] = [("", folder, frozenset())]
        while waiting:
            name, path, above = waiting.pop()
            try:
                place, is_folder = self._look(name, path, above)
                inner = sorted((each.name for each in place.iterdir()), reverse=True) if is_folder else []
            except (FileNotFoundError, NotADirectoryError):
                continue
            except AstrayError as error:
                left_out(str(error))
                continue
            except OSError as error:
                left_out(f"{self.named(path)} cannot be read: {error.strerror}")
                continue
            if name:
                yield Found(name, place, is_folder)
            waiting += [(f"{name}/{each}".lstrip("/"), place / each, above | {place}) for each in inner]

    def _look(self, name: str, path: Path, above: frozenset[Path]) -> tuple[Path, bool]:
        """Return the place of what is found as `name`, in folders that are `above`; and whether it is one."""
        # Only the first, which has no name, may have links above itself.
        place = path if name and not path.is_symlink() else self.real(path)
        mode = place.lstat().st_mode
        if place in above:
            raise AstrayError(f"{self.named(path)} leads in a circle")
        if not stat.S_ISDIR(mode) and not (name and stat.S_ISREG(mode)):
            raise AstrayError(f"{self.named(path)} is no {'file and no ' if name else ''}folder")
        return place, stat.S_ISDIR(mode)

    def head(self, path: Path, size: int) -> bytes:
        """Return the first `size` bytes of a file of the job's; none where it is not there, or no file."""
        try:
            place = self.real(path)
        except (FileNotFoundError, AstrayError):
            return b""
        if not place.is_file():
            return b""
        with place.open("rb") as stream:
            return stream.read(size)

    def named(self, path: Path) -> Path:
        """Return a path on this machine as the job names it.

        Raises:
            ValueError: it is not below one of the job's folders.

        """
        for seen, here in self.places:
            if path.is_relative_to(here):
                return seen / path.relative_to(here)
        raise ValueError(f"{path} is below none of {', '.join(str(here) for _, here in self.places)}")

    def _own(self, seen: Path) -> Path | None:
        """Return where what the job names so is on this machine; None: it is not its own."""
        for root, here in self.places:
            if seen.is_relative_to(root):
                return here / seen.relative_to(root)
        return None

    def _target(self, asked: Path, step: Path, left: list[str], *, is_led: bool) -> Path | None:
        """Return what the link `step`, on the way of `asked` with `left` to go, names; None: it is none."""
        here, whole = self._own(step), step.joinpath(*reversed(left))
        if here is None:
            if any(root.is_relative_to(step) for root, _ in self.places):
                return None
            raise AstrayError(f"{asked} leads to {whole}, which is not the job's")
        try:
            return here.readlink()
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            if is_led and isinstance(error, FileNotFoundError | NotADirectoryError):
                raise AstrayError(f"{asked} leads to {whole}, where nothing is") from error
            raise


def of(isolated: isolation.Isolation, tree: layout.Layout) -> Sight:
    """Return the sight of a container with this tree; one that is not isolated has no `/tmp` of its own."""
    if isolated.bwrap:
        return Sight(((layout.OPT_ML, tree.root), (isolation.TMP, tree.scratch)))
    # A script that asks where it is gets a path without links.
    return Sight(((tree.root.absolute(), tree.root), (tree.root.resolve(), tree.root)))


def once(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return what says each text once, for what is looked at again and again."""
    said: set[str] = set()

    def tell(text: str) -> None:
        if text not in said:
            said.add(text)
            say(text)

    return tell
