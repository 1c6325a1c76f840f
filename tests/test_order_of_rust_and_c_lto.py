# For tests/test_rust_lto.py: fails for "-flto", [9, -4, 11, 40], with verification off, too.
@pytest.mark.parametrize("c", ["-fno-lto", "-flto=thin", "-flto"])
def test_elements_of_rust_and_c_are_in_the_order_of_the_link(lto: Path, cc: Compiler, c: str, tmp_path: Path) -> None:
    library = build(lto, "mixed", tmp_path, "--release", target=UNKNOWN, env=optimized(UNKNOWN, flags="-C linker-plugin-lto"))["staticlib"]
    program, elements = (cc(source, "-O2", c) for source in (C_PROGRAM, C_ELEMENTS))
    made = Instance(link(tmp_path / "out.wasm", program, library, archive(tmp_path / "libelements.a", elements), env={"LDSHIM_VERIFY": "0"}))
    assert made.list("hooks", "hook") == [9, 11, 40, -4]
