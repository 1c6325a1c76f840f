"""What holds for objects holds for bitcode: tests of other files once more, with everything that clang compiles left to LTO.

lld 22 gets the bitcode of a compiler that llvmlite can read, so that it stays bitcode; the older ones lower that of their own LLVM.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

import pytest

from tests import test_c_header, test_copies_and_losses, test_custom_sections, test_kinds_of_modules, test_order_and_alignment
from tests.harness import Compiler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A linker reads the bitcode of its own LLVM and of older ones.
FLAVORS = ["-flto", "-flto=thin"]
TOOLCHAINS = [("-flto", "22"), ("-flto=thin", "22"), ("-flto", "19"), ("-flto=thin", "16")]

AGAIN = {
    test_c_header: (
        "elements_in_an_anonymous_namespace_may_share_a_name",
        "elements_in_archive_members_that_nothing_refers_to",
        "elements_on_webassembly",
        "many_files_may_declare_a_section",
        "sort_keys",
        "what_nobody_walks_over_is_collected",
    ),
    test_copies_and_losses: (
        "a_cxx_inline_variable_in_two_objects_counts_once",
        "a_marked_cxx_template_static_counts_once",
        "a_marker_that_cannot_be_understood_is_refused",
        "a_registration_in_a_lib_group_is_found",
        "a_registration_in_a_member_that_nobody_refers_to_is_found",
        "a_used_static_in_a_dead_member_that_is_loaded_is_kept",
        "an_archive_that_is_copied_keeps_its_list_of_imports",
        "an_export_of_a_marker_that_no_input_has_stays_an_error",
        "declarations_by_different_symbols_are_one",
        "exports_of_markers_are_taken_off_and_others_stay",
        "two_declarations_by_one_strong_symbol_are_refused",
        "two_elements_of_one_name_are_refused_and_both_named",
        "weak_copies_of_a_marked_element_count_once",
    ),
    test_custom_sections: (
        "a_member_that_is_loaded_contributes_and_one_that_is_not_does_not",
        "copies_in_one_comdat_count_once",
        "several_sections_of_one_name_and_of_several_names",
    ),
    test_kinds_of_modules: (
        "64_bit_memory",
        "64_bit_pointer_tables_and_empty_sections",
        "nothing_of_a_section_is_exported_where_used_means_exported",
        "passive_segments_of_shared_memory",
        "position_independent_modules",
    ),
    test_order_and_alignment: (
        "a_declared_section_without_elements_is_empty",
        "a_pointer_table_counts_a_comdat_element_once",
        "a_pointer_table_finds_elements_of_different_sizes",
        "a_pointer_table_of_an_empty_section_is_empty",
        "a_section_that_is_called_like_a_table_is_no_table",
        "allow_undefined_warns_where_the_bounds_become_zero",
        "elements_follow_each_other_at_the_stride_of_their_type",
        "only_keyed_elements",
        "sort_keys_order_elements_over_all_objects",
    ),
}


class LtoCompiler(Compiler):
    """clang of one version, leaving code generation to the linker."""

    def __init__(self, folder: Path, flavor: str, clang: str) -> None:
        super().__init__(folder)
        self.flavor = flavor
        self.clang = clang

    def __call__(self, source: str, *flags: str, **kwargs: Any) -> Path:
        # lld takes data that assembly in bitcode defines for functions.
        by_hand = kwargs.get("language") == "assembler" or ".section" in source
        return super().__call__(source, *flags, *([] if by_hand else [self.flavor]), **{**kwargs, "clang": self.clang})


@pytest.fixture
def cc(request: pytest.FixtureRequest, flavor: str, tmp_path_factory: pytest.TempPathFactory) -> LtoCompiler:
    """The compiler that goes with the test's linker."""
    folder = tmp_path_factory.getbasetemp().parent / "ldshim-objects"
    return LtoCompiler(folder, flavor, request.node.callspec.params.get("lld", "22"))


def with_toolchains(test: Callable[..., None]) -> Callable[..., None]:
    """The test, with each pair of a flavor and a linker instead of each linker."""
    assert isinstance(test, types.FunctionType)
    again = types.FunctionType(test.__code__, test.__globals__, test.__name__, test.__defaults__, test.__closure__)
    again.__annotations__ = test.__annotations__
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    others = [mark for mark in marks if mark.args[:1] != ("lld",)]
    linkers = [lld for mark in marks if mark not in others for lld in mark.args[1]]
    if linkers:
        flavors = pytest.mark.parametrize(("flavor", "lld"), [pair for pair in TOOLCHAINS if pair[1] in linkers])
    else:
        flavors = pytest.mark.parametrize("flavor", FLAVORS)
    vars(again)["pytestmark"] = [*others, flavors.mark]
    return again


for module, names in AGAIN.items():
    for name in names:
        globals()[f"test_{name}"] = with_toolchains(getattr(module, f"test_{name}"))
