"""The words of a link that LDSHIM_SAVE_DIR saved (`ldshim/saving/`)."""

from __future__ import annotations

import os

from ldshim.errors import LinkError
from ldshim.saving.replay import ORIGINAL


def enter(directory: str) -> list[str]:
    """Go to the directory of a saved link, which its words are relative to, and return them.

    `directory` may also be the one that LDSHIM_SAVE_DIR names, if there is only one link in it.
    """
    folder = _folder(directory)
    os.chdir(folder)
    words = ["--rsp-quoting=posix", f"@{ORIGINAL}.words"]
    # Empty words stand between the files.
    number = 1
    while os.path.exists(f"{ORIGINAL}.{number}.words"):
        words += ["", f"@{ORIGINAL}.{number}.words"]
        number += 1
    return words


def _folder(directory: str) -> str:
    if _is_saved(directory):
        return directory
    inside = [name for name in sorted(os.listdir(directory)) if _is_saved(os.path.join(directory, name))]
    if not inside:
        raise LinkError(f"{directory} holds no saved link: there is no {ORIGINAL}.words in it")
    if len(inside) > 1:
        raise LinkError(f"{directory} holds {len(inside)} saved links: name one of {inside[0]} to {inside[-1]} in it")
    return os.path.join(directory, inside[0])


def _is_saved(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, f"{ORIGINAL}.words"))
