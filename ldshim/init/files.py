"""Files and folders as such: read, replaced all or none, removed.  Knows nothing of what is in them."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import PurePath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class InitError(Exception):
    """Why `ldshim init` cannot go on, for the user, and what to do."""


def read(path: str) -> bytes | None:
    """Read a file; None if there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InitError(f"cannot read {path}: {error.strerror}") from None


def replace_files(files: Mapping[str, bytes]) -> None:
    """Give the files new contents.  All of them are on the disk before the first file changes."""
    prepared = {path: f"{os.path.realpath(path)}.ldshim-{os.getpid()}" for path in files}
    try:
        for path, scratch in prepared.items():
            with open(scratch, "wb") as file:
                file.write(files[path])
            if os.path.exists(path):
                shutil.copymode(path, scratch)
        for path, scratch in prepared.items():
            os.replace(scratch, os.path.realpath(path))  # a symbolic link stays one
    except OSError as error:
        raise InitError(f"cannot write {error.filename2 or error.filename}: {error.strerror}") from None
    finally:
        for scratch in filter(os.path.exists, prepared.values()):
            os.remove(scratch)


def remove_if_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        pass


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def same_file(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def upwards(folder: str) -> list[str]:
    """The folder and those around it, innermost first."""
    return [folder, *map(str, PurePath(folder).parents)]
