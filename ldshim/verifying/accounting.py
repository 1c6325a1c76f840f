"""Whether the plan has a place for all that was found: before anything is written, and without looking at the module.

A contribution is placed in its output segment, or it is a copy of one that is, or a declaration.
"""

from __future__ import annotations

from ldshim import markers
from ldshim.errors import LinkError, printable
from ldshim.survey import CUSTOM, NATIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.sections import Plan
    from ldshim.survey import Contribution, Survey


def check_plan(found: Survey, plan: Plan) -> None:
    """Raise `LinkError` for the first contribution that the plan forgets."""
    appended = _Appended(plan)
    for section, contributions in found.contributions.items():
        counts = any(not contribution.dropped for contribution in contributions)
        for contribution in contributions:
            if not contribution.is_declaration and not (counts if contribution.dropped else _is_placed(contribution, plan, appended)):
                raise LinkError(
                    f"verification of the plan: section {printable(section)}: {contribution.size} bytes of {contribution.unit} "
                    f"({contribution.kind} {contribution.index}) are neither placed nor a copy of what is"
                )


def _is_placed(contribution: Contribution, plan: Plan, appended: _Appended) -> bool:
    edit = plan.edits.get(contribution.unit)
    name = markers.segment_name(contribution.section, contribution.key, contribution.run)
    if contribution.kind == CUSTOM:
        return edit is not None and contribution.index in edit.emptied_sections and appended.take(contribution, name)
    info = edit.segment_info.get(contribution.index) if edit is not None else None
    if info is None:
        return contribution.kind == NATIVE and name == contribution.section
    return info[0] == name


class _Appended:
    """The segments that the plan adds to objects: each is the place of one contribution."""

    __slots__ = ("_left",)

    def __init__(self, plan: Plan) -> None:
        self._left: dict[tuple[int, bytes, int], int] = {}  # object, name and size -> how many
        for unit, edit in plan.edits.items():
            for segment in edit.new_segments:
                place = id(unit), segment.name, len(segment.content)
                self._left[place] = self._left.get(place, 0) + 1

    def take(self, contribution: Contribution, name: bytes) -> bool:
        place = id(contribution.unit), name, contribution.size
        left = self._left.get(place, 0)
        self._left[place] = left - 1
        return left > 0
