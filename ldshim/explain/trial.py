"""The link that is asked about, done once more in a private directory: what ldshim made of it, and what the real linker did.

The passes are those of `ldshim/link.py`.  The real linker writes a map and a trace beside the module, and nothing where the user's link
writes: output, map and the like go to the private directory.
"""

from __future__ import annotations

import os
import re
import subprocess

from ldshim import command as command_line
from ldshim import inputs, linker, sections, survey
from ldshim.errors import LinkError
from ldshim.explain.layout import Layout
from ldshim.link import open_bitcode
from ldshim.memory import Memory
from ldshim.rewrite import Workspace, rewrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ldshim.inputs import InputFile

# They write the map to stdout instead of the file that is asked for here.
_MAPS_TO_STDOUT = ("-M", "--print-map", "-print-map")
# Files that the link would write beside the module; the last one on the line counts.
_WRITTEN = ("--reproduce=", "--lto-obj-path=")
_WITHOUT_PROGRAM = "--thinlto-index-only"
_FIRST_WITH_WHY_EXTRACT = 16


class Trial:
    """What is known of the link.

    refusal    why ldshim refuses the link, empty if it does not
    status     the real linker's; None if it was not run
    messages   what the real linker wrote to stderr, with the user's paths
    loaded     the names of the objects that it loaded, members as `lib.a(member.o)`
    extracted  name of a loaded member -> (who refers to it, the symbol); what lld 16 and later say
    layout     where everything is in the module; None if there is none
    """

    __slots__ = ("command", "extracted", "files", "layout", "lld", "loaded", "messages", "plan", "real", "refusal", "status", "survey")

    def __init__(self, argv: list[str], environ: Mapping[str, str]) -> None:
        self.command = command_line.parse(argv)
        _refuse_what_makes_no_program(self.command)
        self.real = linker.find(self.command, environ)
        self.lld = _version(self.real)
        self.files: list[InputFile] = []
        self.survey = survey.Survey()
        self.plan = sections.Plan()
        self.refusal = ""
        self.status: int | None = None
        self.messages = ""
        self.loaded: set[str] = set()
        self.extracted: dict[str, tuple[str, str]] = {}
        self.layout: Layout | None = None
        try:
            self._plan(environ)
        except LinkError as error:
            self.refusal = str(error)
            return
        self._link(environ)

    @property
    def is_linked(self) -> bool:
        return self.status == 0

    def _plan(self, environ: Mapping[str, str]) -> None:
        # Nothing is to be skipped because it held nothing the last time: someone asks what is there.
        memory = Memory({"LDSHIM_CACHE": "off"}, survey.NEEDLES)
        self.files = inputs.open_inputs(self.command, memory)
        self.survey = survey.survey(self.files, self.command)
        open_bitcode(self.survey, self.files, self.real, self.command, environ)
        survey.collect(self.survey, self.files)
        self.plan = sections.make_plan(self.survey, self.command)

    def _link(self, environ: Mapping[str, str]) -> None:
        workspace = Workspace(environ)
        try:
            words = rewrite(self.plan, self.files, self.command, workspace) if self.plan else list(self.command.words)
            self._run(words, workspace)
        except LinkError as error:
            self.refusal = str(error)
        finally:
            workspace.remove()

    def _run(self, words: list[str], workspace: Workspace) -> None:
        def scratch(name: str) -> str:
            return os.path.join(workspace.path, name)

        def text(data: bytes) -> str:
            return workspace.translate(data).decode("utf-8", "backslashreplace")

        words = [word for word in words if word not in _MAPS_TO_STDOUT]
        words += [option + scratch("unwanted") for option in _WRITTEN if any(option[2:].rstrip("=") in word for word in words)]
        words += ["-o", scratch("out.wasm"), f"-Map={scratch('map')}", "--trace", "--no-demangle", "--no-color-diagnostics"]
        if self.lld >= _FIRST_WITH_WHY_EXTRACT:
            words.append(f"--why-extract={scratch('why')}")
        response = scratch("words.rsp")
        with open(response, "wb") as file:
            file.write(os.fsencode(command_line.quote_response_file([word for word in words if word])))
        done = subprocess.run(
            [*self.real.prefix, "--rsp-quoting=posix", "@" + response],
            executable=self.real.path,
            env=linker.environment(self.real),
            capture_output=True,
            check=False,
        )
        self.status = done.returncode
        self.messages = text(done.stderr).strip()
        self.loaded = set(text(done.stdout).splitlines())
        self.extracted = dict(_extractions(text(_read(scratch("why")))))
        if done.returncode == 0:
            self.layout = Layout(workspace.translate(_read(scratch("map"))))


def _refuse_what_makes_no_program(command: command_line.Command) -> None:
    if command.prints_help or command.prints_version:
        raise LinkError("these words only ask the linker for its version or help: give the words of a link")
    if command.relocatable:
        raise LinkError("a relocatable link (-r) collects nothing: ask about the final link")
    if any(_WITHOUT_PROGRAM in word for word in command.words):
        raise LinkError(f"{_WITHOUT_PROGRAM} makes no program: ask about the final link")
    if not command.inputs:
        raise LinkError("there is no input among the words of the link")


def _version(real: linker.Linker) -> int:
    """The major version of lld, 0 if it does not say."""
    found = re.search(r"LLD (\d+)", linker.version(real))
    return int(found[1]) if found else 0


def _extractions(text: str) -> list[tuple[str, tuple[str, str]]]:
    """What --why-extract wrote: a line for each member, under a heading."""
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    return [(row[1], (row[0], row[2])) for row in rows if len(row) == 3]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
