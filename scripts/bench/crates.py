"""A Rust program with elements in many crates, its links, and its builds.

Two workspaces have the same crates: in one, commands register themselves in a distributed slice (linkme, through ldshim); in the other,
each is a public static, and the program has a list of them, kept by hand.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from tools import LINKME, RUST, WASM, made, output

if TYPE_CHECKING:
    from pathlib import Path

    from tools import Tools

PARTS = 40

MANIFEST = """\
[package]
name = "{name}"
version = "0.1.0"
edition = "2021"

[dependencies]
{dependencies}
"""

API = """\
pub struct Command {
    pub name: &'static str,
    pub run: fn(u32) -> u32,
}
"""

SLICE = """
#[linkme::distributed_slice]
pub static COMMANDS: [Command];
"""

APP = """\
#[no_mangle]
pub extern "C" fn count() -> u32 {{
    {commands}.len() as u32
}}

#[no_mangle]
pub extern "C" fn sum() -> u32 {{
    let mut names = String::new();
    let mut sum = 0_u32;
    for command in {commands}.iter() {{
        sum = sum.wrapping_add((command.run)(sum & 3));
        names.push_str(&format!("{{}}, ", command.name));
    }}
    for report in PARTS {{
        names.push_str(&report("one,red,a=1\\ntwo,blue,red,b=2"));
    }}
    names.bytes().fold(sum, |sum, byte| sum.wrapping_add(byte.into()))
}}
"""

# What a program does besides: a part of some two thousand lines of the kind that programs consist of.
PART = """\
use std::collections::{{BTreeMap, HashMap}};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record{part} {{
    pub name: String,
    pub tags: Vec<String>,
    pub counts: HashMap<String, u32>,
}}

pub fn parse{part}(text: &str) -> Result<Vec<Record{part}>, std::num::ParseIntError> {{
    let mut records = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {{
        let mut record = Record{part}::default();
        for (position, word) in line.split(',').enumerate() {{
            match (position, word.split_once('=')) {{
                (0, _) => record.name = word.to_owned(),
                (_, Some((key, value))) => *record.counts.entry(key.to_owned()).or_default() += value.parse::<u32>()?,
                (_, None) => record.tags.push(word.to_lowercase()),
            }}
        }}
        record.tags.sort();
        record.tags.dedup();
        records.push(record);
    }}
    Ok(records)
}}

pub fn by_tag{part}(records: &[Record{part}]) -> BTreeMap<&str, Vec<&Record{part}>> {{
    let mut found: BTreeMap<&str, Vec<&Record{part}>> = BTreeMap::new();
    for record in records {{
        for tag in &record.tags {{
            found.entry(tag).or_default().push(record);
        }}
    }}
    found.values_mut().for_each(|group| group.sort_by(|a, b| a.name.cmp(&b.name)));
    found
}}

pub fn report{part}(text: &str) -> String {{
    let Ok(records) = parse{part}(text) else {{ return format!("part {part}: not understood: {{text:?}}") }};
    let mut lines: Vec<String> = by_tag{part}(&records)
        .into_iter()
        .map(|(tag, group)| {{
            let total: u32 = group.iter().flat_map(|record| record.counts.values()).sum();
            let names: Vec<&str> = group.iter().map(|record| record.name.as_str()).collect();
            format!("{{tag:>8}} {{total:04}} {{}}", names.join("/"))
        }})
        .collect();
    lines.extend(records.iter().filter(|record| record.tags.len() > {part}).map(|record| format!("{{record:?}}")));
    lines.join("\\n")
}}
"""

# Called in the place of the linker: writes down how it was called, keeps what rustc will throw away, and links.
RECORDER = """\
#!{python}
import json, os, shutil, sys
folder = os.environ["BENCH_RECORD"]
os.makedirs(folder, exist_ok=True)
words = []
for word in sys.argv[1:]:
    if word.endswith(".o") and os.path.isfile(word):
        word = shutil.copy(word, os.path.join(folder, str(len(words)) + "-" + os.path.basename(word)))
    words.append(word)
with open(os.path.join(folder, "line.json"), "w") as file:
    json.dump(words, file)
real = os.environ["BENCH_LINKER"]
os.execv(real, [real, *sys.argv[1:]])
"""


class Program:
    """A workspace with a program of `crates` times `each` commands."""

    def __init__(self, tools: Tools, crates: int, each: int, *, registry: bool) -> None:
        self.tools = tools
        self.crates = crates
        self.each = each
        self.registry = registry
        kind = "registry" if registry else "by-hand"
        files = self._files()
        self.folder = made(tools.work / "crates" / f"{crates}x{each}-{kind}", files, lambda folder: _write(folder, files))

    @property
    def touched(self) -> Path:
        """The file that a programmer has just saved: the smallest rebuild that ends in a link."""
        return self.folder / "app" / "src" / "lib.rs"

    def link(self, linker: str) -> list[str]:
        """What rustc says to the linker when it builds this program in release mode, "-flavor", "wasm" first."""
        record = self.folder / "record"
        recorder = self.tools.script("recorder", RECORDER.replace("{python}", self.tools.python))
        real = self.tools.ldshim if self.registry else linker
        env = self.tools.environment(BENCH_RECORD=str(record), BENCH_LINKER=real, LDSHIM_LINKER=linker)
        shutil.rmtree(record, ignore_errors=True)
        os.utime(self.touched)
        output([*self.cargo("target", str(recorder)), "--release"], env=env, cwd=self.folder)
        words: list[str] = json.loads((record / "line.json").read_text())
        return words

    def cargo(self, target: str, linker: str | None) -> list[str]:
        """`cargo build` into a target folder of its own: another linker would have cargo build everything again."""
        words = [
            str(RUST / "bin" / "cargo"),
            "build",
            "--quiet",
            "--package=app",
            f"--target={WASM}",
            f"--target-dir={self.folder / target}",
        ]
        return words if linker is None else [*words, "--config", f'target.{WASM}.linker="{linker}"']

    def module(self, target: str, profile: str = "debug") -> Path:
        return self.folder / target / WASM / profile / "app.wasm"

    def _files(self) -> dict[str, str]:
        names = [f"crate{number:02}" for number in range(self.crates)]
        members = json.dumps(["api", "app", *names])
        # Paths with `..` would do as well, but a checkout that moves has to be noticed.
        patch = f'[patch.crates-io]\nlinkme = {{ path = "{LINKME}" }}\n' if self.registry else ""
        linkme = 'linkme = "0.3"\n' if self.registry else ""
        files = {
            "Cargo.toml": f'[workspace]\nresolver = "2"\nmembers = {members}\n\n{patch}',
            "api/Cargo.toml": MANIFEST.format(name="api", dependencies=linkme),
            "api/src/lib.rs": API + (SLICE if self.registry else ""),
            "app/Cargo.toml": MANIFEST.format(name="app", dependencies="".join(f'{n} = {{ path = "../{n}" }}\n' for n in ["api", *names]))
            + '\n[lib]\ncrate-type = ["cdylib"]\n',
            "app/src/lib.rs": self._app(names),
            **{f"app/src/part{part}.rs": PART.format(part=part) for part in range(PARTS)},
        }
        for name in names:
            files[f"{name}/Cargo.toml"] = MANIFEST.format(name=name, dependencies='api = { path = "../api" }\n' + linkme)
            files[f"{name}/src/lib.rs"] = "".join(self._command(name, i) for i in range(self.each))
        return files

    def _command(self, crate: str, i: int) -> str:
        attribute, visibility = ("#[linkme::distributed_slice(api::COMMANDS)]\n", "") if self.registry else ("", "pub ")
        return (
            f"fn run{i}(x: u32) -> u32 {{\n    x.wrapping_mul(3) + {i}\n}}\n"
            f'{attribute}{visibility}static COMMAND{i}: api::Command = api::Command {{ name: "{crate}-{i}", run: run{i} }};\n\n'
        )

    def _app(self, names: list[str]) -> str:
        parts = "".join(f"mod part{part};\n" for part in range(PARTS))
        reports = ", ".join(f"part{part}::report{part}" for part in range(PARTS))
        parts += f"\nstatic PARTS: [fn(&str) -> String; {PARTS}] = [{reports}];\n\n"
        if self.registry:
            uses = "".join(f"use {name} as _;\n" for name in names)
            return uses + parts + APP.format(commands="api::COMMANDS")
        rows = "".join(f"    &{name}::COMMAND{i},\n" for name in names for i in range(self.each))
        count = self.crates * self.each
        return parts + f"static COMMANDS: [&api::Command; {count}] = [\n{rows}];\n\n" + APP.format(commands="COMMANDS")


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
