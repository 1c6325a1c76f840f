"""Why a name is nowhere: not compiled in, on no file of the line, or spelt otherwise."""

from __future__ import annotations

import difflib
import os
import re

from ldshim.explain import finding as f
from ldshim.explain.finding import Finding
from ldshim.explain.statics import Statics, slice_name, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ldshim.explain.trial import Trial

_MISSING_LIBRARY = re.compile(r"unable to find library (\S+)")
_OBJECT_SUFFIXES = (".o", ".obj", ".a", ".rlib", ".bc")
# Files beside the inputs are searched for the name, but not without end.
_MOST_FILES = 2000
_LARGEST_FILE = 256 << 20
_MANY = 4


def unopened_inputs(trial: Trial) -> list[str]:
    """The inputs of the line that are not there, or cannot be opened."""
    problems = [(given.path, _problem(given.path)) for given in trial.command.inputs]
    notes = [f"{path} is on the line, but cannot be opened: {problem}" for path, problem in problems if problem]
    notes += [f"{name} is on the line, but no such library is found" for name in _MISSING_LIBRARY.findall(trial.messages)]
    return notes


def _problem(path: str) -> str:
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def explain(section: str, element: str | None, sections: list[bytes], trial: Trial, statics: Statics) -> Finding:
    """The finding where there is nothing to judge: no static has the name, or the section has none."""
    missing = unopened_inputs(trial)
    what = element if element is not None else section
    if missing:
        result = Finding(f.NO_INPUT, section, what, "it is in no input that could be opened")
        result.facts = [("why" if n == 0 else "", line) for n, line in enumerate(missing)]
        result.advice = ["give the linker these files (build them, or mend the path or -L), and ask again"]
    elif element is not None:
        result = Finding(f.NOT_COMPILED_IN, section, what, "no input of the link has anything of that name")
        result.facts.append(("why", "the name occurs in no symbol of any object on the line"))
    else:
        result = _no_elements(section, sections, statics)
    _add_near_names(result, section, element, statics)
    _add_neighbours(result, element if element is not None else section, trial)
    _add_crates(result, element, trial)
    if not result.advice and element is not None:
        result.advice.append("look whether the source is compiled (#if, cfg, features), and whether its object is on the line")
    return result


def _no_elements(section: str, sections: list[bytes], statics: Statics) -> Finding:
    result = Finding(f.EMPTY, section, section, "no input has an element or a declaration of it")
    users = [str(unit) for name in sections for unit in statics.users.get(name, ())]
    if users:
        result.facts.append(("read by", ", ".join(users[:_MANY])))
    else:
        result.facts.append(("read by", f"nothing: no input refers to __start_{section} or __stop_{section}"))
    return result


def _add_near_names(result: Finding, section: str, element: str | None, statics: Statics) -> None:
    if element is None:
        known = {text(s.section) for s in statics.found if s.section}
        known |= {name for s in list(known) if (name := slice_name(s)) is not None}
        near = _near(section, known)
        if near:
            result.facts.append(("near", f"there are elements of {', '.join(near)}"))
            result.advice.append(f"did you mean: ldshim explain {near[0]}")
        return
    # Elements first: that is what the name was meant to be.
    places: dict[str, str] = {}
    for static in sorted(statics.found, key=lambda s: not s.section):
        if static.symbol and not static.symbol.startswith(b"."):
            places.setdefault(static.name.rpartition("::")[2] or static.name, str(static.unit))
    near = _near(element.rpartition("::")[2], set(places))
    if near:
        result.facts.append(("near", ", ".join(f"{name} in {places[name]}" for name in near)))


def _near(name: str, known: set[str]) -> list[str]:
    """Spellings that are like `name`: without capitals and underscores first, then by letters."""
    plain = _plain(name)
    alike = sorted(other for other in known if _plain(other) == plain and other != name)
    close = difflib.get_close_matches(name, sorted(known), n=_MANY, cutoff=0.75)
    return list(dict.fromkeys([*alike, *(other for other in close if other != name)]))[:_MANY]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower().removesuffix("ptrs")


def _add_neighbours(result: Finding, name: str, trial: Trial) -> None:
    """Name the files that lie beside the inputs and have the name, but are not on the line."""
    found = [path for path in _neighbours(trial) if _has(path, name.rpartition("::")[2].encode("utf-8", "surrogateescape"))]
    if not found:
        return
    for path in found[:_MANY]:
        result.facts.append(("elsewhere", f"{path} has that name in it, and is not on the line"))
    if any(path.endswith(".rlib") for path in found):
        result.facts.append(("", "rustc puts only those crates on the line that some crate names by `use` or `extern crate`"))
        crates = dict.fromkeys(_crate(path) for path in found if path.endswith(".rlib"))
        result.advice += [f"name the crate in the program: extern crate {crate} as _;" for crate in crates]
    else:
        result.advice.append("put that file on the line")


def _neighbours(trial: Trial) -> Iterator[str]:
    on_line = {os.path.realpath(given.path) for given in trial.command.inputs}
    crates = {_crate(path) for path in on_line if path.endswith(".rlib")}
    folders = dict.fromkeys(os.path.dirname(given.path) or "." for given in trial.command.inputs)
    count = 0
    for folder in folders:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name) if folder != "." else name
            is_other = name.endswith(_OBJECT_SUFFIXES) and os.path.realpath(path) not in on_line
            # Cargo leaves older builds of a crate beside the newest.
            if is_other and not (name.endswith(".rlib") and _crate(path) in crates):
                count += 1
                if count > _MOST_FILES:
                    return
                yield path


def _has(path: str, name: bytes) -> bool:
    try:
        if os.path.getsize(path) > _LARGEST_FILE:
            return False
        with open(path, "rb") as file:
            return name in file.read()
    except OSError:
        return False


def _add_crates(result: Finding, element: str | None, trial: Trial) -> None:
    """Where rustc links: which crates it has given, and that the one of a path is not among them."""
    rlibs = [given.path for given in trial.command.inputs if given.path.endswith(".rlib")]
    # Those of the standard library are on every line.
    crates = sorted({_crate(path) for path in rlibs if f"{os.sep}rustlib{os.sep}" not in path})
    if not rlibs:
        return
    result.facts.append(("crates", f"on the line: {', '.join(crates) or 'those of the standard library'}"))
    head, separator, _ = (element or "").partition("::")
    if separator and head not in crates:
        result.facts.append(("", f"{head} is not among them: rustc drops a crate that nothing names by `use` or `extern crate`"))
        advice = f"name the crate in the program: extern crate {head} as _;"
        if advice not in result.advice:
            result.advice.append(advice)


def _crate(path: str) -> str:
    """The crate that an rlib is of: `libnumbers-0123456789abcdef.rlib`."""
    return os.path.basename(path).removesuffix(".rlib").removeprefix("lib").rpartition("-")[0] or os.path.basename(path)
