"""What `ldshim explain` has to say: plain data, for the report."""

from __future__ import annotations

from ldshim.explain.statics import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.explain.statics import Static

# The verdicts, as --json has them.
IN = "in"
DECLARATION = "declaration"
NOT_LOADED = "not-loaded"
GARBAGE = "garbage"
COPY = "copy"
OTHER_SECTION = "other-section"
NO_ELEMENT = "no-element"
MALFORMED_MARKER = "malformed-marker"
NOT_AN_IDENTIFIER = "not-an-identifier"
NOT_MEMORY = "not-memory"
THREAD_LOCAL = "thread-local"
REFUSED = "refused"
LINK_FAILS = "link-fails"
NO_INPUT = "no-input"
NOT_COMPILED_IN = "not-compiled-in"
EMPTY = "empty"


class Finding:
    """One verdict: `headline` is what stands behind the name, `facts` are the evidence (label, text), `advice` is what to do.

    `address`, `begin` and `size` say where an element is in the module and in the section, `position` which one it is, from 1.
    """

    __slots__ = ("address", "advice", "begin", "facts", "headline", "name", "position", "section", "size", "static", "verdict", "way")

    def __init__(self, verdict: str, section: str, name: str, headline: str, static: Static | None = None) -> None:
        self.verdict = verdict
        self.section = section
        self.name = name
        self.headline = headline
        self.static = static
        self.way = ""  # by which rule it is an element
        self.facts: list[tuple[str, str]] = []
        self.advice: list[str] = []
        self.address = 0
        self.begin = 0
        self.size = 0
        self.position = 0

    @property
    def is_in(self) -> bool:
        return self.verdict == IN

    @property
    def place(self) -> str:
        """The file, or the archive and its member."""
        return self.static.unit.name if self.static is not None else ""

    @property
    def symbol(self) -> str:
        return text(self.static.symbol) if self.static is not None else ""


class SectionFacts:
    """What is true of all elements of a section: how many bytes of it are in the module, and who keeps them there."""

    __slots__ = ("kept_by", "name", "size")

    def __init__(self, name: str, size: int, kept_by: list[str]) -> None:
        self.name = name
        self.size = size
        self.kept_by = kept_by


class Answer:
    """The whole answer.

    `trouble` is why there is no program, in the words of the linker, or of ldshim (`is_refused`); `notes` go with every verdict.
    """

    __slots__ = ("element", "findings", "is_refused", "linker", "notes", "section", "sections", "trouble")

    def __init__(self, section: str, element: str | None, linker: str) -> None:
        self.section = section
        self.element = element
        self.linker = linker
        self.trouble = ""
        self.is_refused = False
        self.notes: list[str] = []
        self.sections: dict[str, SectionFacts] = {}
        self.findings: list[Finding] = []
