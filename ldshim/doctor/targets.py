"""The wasm targets of a cargo project: whether ldshim links each, and if not, what stands in its way."""

from __future__ import annotations

import json
import os
import re
import shlex

from ldshim.doctor.cargo import ENCODED, Cargo, Setting, is_ldshim, of_codegen, program_of, variables
from ldshim.doctor.findings import Cure, Group, export, run, unset
from ldshim.init.linkers import _is_component
from ldshim.init.rustflags import WASM_LD_PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ldshim.doctor.cargo import Flags
    from ldshim.doctor.compilers import Rustc
    from ldshim.doctor.linkme import Project


def examine(cargo: Cargo, project: Project | None, rustc: Rustc | None, own: str | None, unknown: dict[str, str]) -> Group:
    """Judge what is set for each target; `unknown` has what rustc says of targets that it does not know."""
    group = Group("cargo")
    group.say("project", project.root if project else "no Cargo.toml here or above")
    _list(group, "configuration", [config.path for config in cargo.configs])
    _list(group, "environment", [f"{name}={value}" for name, value in variables().items()])
    _note_files(group, cargo)
    group.facts = {
        "project": project and project.root,
        "configuration": [config.path for config in cargo.configs],
        "environment": variables(),
        "targets": {},
    }
    targets = cargo.named_targets()
    doctor = _Targets(group, cargo, project, own)
    linked = [target for target in targets if doctor.is_linked(target)]
    for target in targets:
        doctor.show(target, rustc)
        if project is None:
            continue
        counts = target in cargo.wanted_targets() or not linked
        if target in unknown:
            doctor.report_unknown(target, unknown[target], counts=counts)
            continue
        doctor.judge(target, counts=counts)
        no_std_at_all = rustc is not None and not any(name in rustc.targets for name in targets)
        if rustc and target not in rustc.targets and not cargo.builds_std():
            doctor.report_missing_std(target, rustc, counts=target in cargo.wanted_targets() or no_std_at_all)
    if project is not None and not targets:
        message = f"no WebAssembly target is set up for the project in {project.root}: what cargo builds there is not linked by ldshim"
        report = group.error if project.uses_linkme else group.warning
        report("project-not-set-up", message, run("ldshim", "init", "--yes"))
    return group


def _list(group: Group, label: str, texts: list[str]) -> None:
    for at, text in enumerate(texts):
        group.say("" if at else label, text)


def _note_files(group: Group, cargo: Cargo) -> None:
    for config in cargo.configs:
        if "include" in config.data:
            message = f"{config.path} includes other files, which are not looked at"
            group.warning("config-include", message, Cure("do", "see that they do not name another linker"))
        newer = os.path.join(os.path.dirname(config.path), "config.toml")
        if config.path != newer and os.path.exists(newer):
            message = f"cargo reads {config.path}, and so ignores {newer}"
            group.warning("config-twice", message, Cure("do", "move what one has into the other, and remove that one"))


class _Targets:
    def __init__(self, group: Group, cargo: Cargo, project: Project | None, own: str | None) -> None:
        self.group = group
        self.cargo = cargo
        self.project = project
        self.own = own

    # What counts

    def linker(self, target: str) -> Setting | None:
        """The setting that names the linker: of rustc's flags the last, else the first of cargo's settings."""
        flags = self.cargo.flags(target)
        named = of_codegen(flags, "linker")
        if named:
            at, value = named[-1]
            return _Flag(value, flags, at)
        return next(iter(self.cargo.linkers(target)), None)

    def wasm_ld(self, target: str) -> Setting | None:
        """The setting that names the wasm-ld behind rustc's linker for components."""
        flags = self.cargo.flags(target)
        found = [at for at, word in enumerate(flags.words) if WASM_LD_PATH in word]
        return _Flag(flags.words[found[-1]].partition(WASM_LD_PATH)[2], flags, found[-1]) if found else None

    def is_linked(self, target: str) -> bool:
        setting = self.wasm_ld(target) if _is_component(target) else self.linker(target)
        return setting is not None and is_ldshim(program_of(setting), self.own)

    def show(self, target: str, rustc: Rustc | None) -> None:
        setting = self.wasm_ld(target) if _is_component(target) else self.linker(target)
        if target.endswith("emscripten"):
            text = "linked by emcc, not looked at"
        elif setting is None:
            text = "linked by wasm-component-ld with a wasm-ld of its own" if _is_component(target) else "linked by rustc's own linker"
        else:
            path = program_of(setting)
            what = "ldshim" if is_ldshim(path, self.own) else "not ldshim" if path else "not found"
            through = "wasm-component-ld with " if _is_component(target) else ""
            text = f"linked by {through}{setting.value} ({what}), says {setting.place}"
        if rustc:
            text += "" if target in rustc.targets else ", no std"
        self.group.say(target, text)
        self.group.facts["targets"][target] = {
            "linker": setting and setting.value,
            "set_by": setting and setting.place,
            "ldshim": self.is_linked(target),
            "std": rustc and target in rustc.targets,
        }

    # What is wrong

    def judge(self, target: str, *, counts: bool) -> None:
        if target.endswith("emscripten"):
            return
        if _is_component(target):
            self._judge_component(target, counts=counts)
            return
        setting = self.linker(target)
        report = self.group.error if counts else self.group.warning
        if setting is None:
            report("target-linker-unset", f"no linker is set for {target}, so rustc takes its own", self._init(target))
        elif not is_ldshim(path := program_of(setting), self.own):
            where = f"{setting.place} names {setting.value!r} as the linker of {target}"
            if path is None:
                self.group.error("target-linker-missing", f"{where}, and there is no such program", *self._cure(target, setting))
                return
            others = [other for other in self.cargo.linkers(target) if is_ldshim(program_of(other), self.own)]
            if others:
                message = f"{where}, which overrides the ldshim of {others[0].place}"
                self.group.error("target-linker-overridden", message, *self._cure(target, setting))
            else:
                self.group.error("target-linker-other", f"{where}, which is not ldshim", *self._cure(target, setting))

    def _judge_component(self, target: str, *, counts: bool) -> None:
        named = self.linker(target)
        if named is not None and "wasm-component-ld" not in os.path.basename(str(named.value)):
            message = f"{named.place} names {named.value!r} as the linker of {target}, which has to be rustc's wasm-component-ld"
            self.group.error("component-linker", message, self._take_out(named))
        flags = self.cargo.flags(target)
        if target in self.cargo.targets_with_linker_lto():
            message = f"-C linker-plugin-lto is set for {target}: rustc passes --lto-O3 then, which wasm-component-ld 0.5 does not know"
            self.group.warning("component-lto", message, *_without_linker_lto(flags))
        setting = self.wasm_ld(target)
        if setting is not None and is_ldshim(program_of(setting), self.own):
            return
        if setting is None:
            message = f"the rustflags of {target} name no wasm-ld, so wasm-component-ld takes its own"
            report = self.group.error if counts else self.group.warning
        else:
            message = f"{setting.place} names {setting.value!r} as the wasm-ld of {target}, which is not ldshim"
            report = self.group.error
        words = [*flags.words, "-C", WASM_LD_PATH + self._path()]
        if isinstance(setting, _Flag):
            words = setting.replaced(WASM_LD_PATH, self._path())
        source = flags.settings[-1] if flags.settings else None
        if source is not None and source.variable:
            report("component-wasm-ld", message, _export_flags(source.variable, words))
        else:
            report("component-wasm-ld", message, self._init(target))

    def report_unknown(self, target: str, said: str, *, counts: bool) -> None:
        cure = Cure("do", "name another one where cargo is told of it; rustc --print target-list has them all")
        if target == "wasm32-wasi":
            cure = Cure("do", "name wasm32-wasip1, its name today, where cargo is told of it")
        report = self.group.error if counts else self.group.warning
        report("target-unknown", f"rustc does not know the target {target}: {said}", cure)

    def report_missing_std(self, target: str, rustc: Rustc, *, counts: bool) -> None:
        report = self.group.error if counts else self.group.warning
        message = f"{rustc.path} has no std for {target}"
        if os.path.basename(os.path.dirname(rustc.sysroot)) == "toolchains":
            toolchain = os.path.basename(rustc.sysroot)
            report("target-std-missing", message, run("rustup", "target", "add", "--toolchain", toolchain, target))
        else:
            cure = Cure("do", f"use the Rust of rustup, and run `rustup target add {target}`, or install a package that has it")
            report("target-std-missing", message, cure)

    # What mends it

    def _cure(self, target: str, setting: Setting) -> list[Cure]:
        if isinstance(setting, _Flag):
            return [setting.cure("linker=", self._name())]
        if setting.variable:
            config = next((other for other in self.cargo.linkers(target) if other.config), None)
            if config and is_ldshim(program_of(config), self.own):
                return [unset(setting.variable)]
            return [export(setting.variable, self._path())]
        return [self._write_linker(setting) if self._is_nearer(setting) else self._init(target)]

    def _is_nearer(self, setting: Setting) -> bool:
        """Whether the file, inside of the project, overrides what `ldshim init` writes."""
        return bool(setting.config and self.project and setting.config.base.startswith(self.project.root + os.sep))

    def _write_linker(self, setting: Setting) -> Cure:
        name = setting.keys[1]
        table = name if re.fullmatch(r"[\w-]+", name) else json.dumps(name)
        return Cure("write", f"[target.{table}]\nlinker = {json.dumps(self._name())}", setting.place)

    def _take_out(self, setting: Setting) -> Cure:
        if isinstance(setting, _Flag):
            return setting.cure("linker=", "wasm-component-ld")
        if setting.variable:
            return unset(setting.variable)
        return Cure("remove", f"linker = {json.dumps(setting.value)}", setting.place)

    def _init(self, target: str) -> Cure:
        return run("ldshim", "init", "--target", target, "--yes")

    def _name(self) -> str:
        on_path = program_of(Setting("ldshim"))
        return "ldshim" if is_ldshim(on_path, self.own) else self._path()

    def _path(self) -> str:
        return self.own or "ldshim"


class _Flag(Setting):
    """A setting that is one of rustc's flags."""

    def __init__(self, value: str, flags: Flags, at: int) -> None:
        source = flags.settings[at]
        super().__init__(value, source.variable, source.config, source.keys)
        self.flags = flags
        self.at = at

    @property
    def base(self) -> str:
        return os.curdir  # cargo knows nothing of it

    def replaced(self, before: str, value: str) -> list[str]:
        """The words of its source, with another value."""
        source = self.flags.settings[self.at]
        new = self.flags.words[self.at].partition(before)[0] + before + value
        return [new if at == self.at else word for at, word in enumerate(self.flags.words) if self.flags.settings[at] is source]

    def cure(self, before: str, value: str) -> Cure:
        return _set_flags(self, self.replaced(before, value))


def _without_linker_lto(flags: Flags) -> list[Cure]:
    """Take the flag out of each place that has it."""
    gone: set[int] = set()
    for at, _ in of_codegen(flags, "linker-plugin-lto"):
        gone |= {at} if flags.words[at].startswith("-") else {at - 1, at}
    cures = []
    for source in dict.fromkeys(id(flags.settings[at]) for at in sorted(gone)):
        mine = [at for at, setting in enumerate(flags.settings) if id(setting) == source]
        cures.append(_set_flags(flags.settings[mine[0]], [flags.words[at] for at in mine if at not in gone]))
    return cures


def _set_flags(source: Setting, words: list[str]) -> Cure:
    """Set rustflags to these words, where they are set."""
    if source.variable:
        return _export_flags(source.variable, words) if words else unset(source.variable)
    table = ".".join(key if re.fullmatch(r"[\w-]+", key) else json.dumps(key) for key in source.keys[:-1])
    return Cure("write", f"[{table}]\nrustflags = {json.dumps(words)}", source.place)


def _export_flags(variable: str, words: list[str]) -> Cure:
    if variable == ENCODED:
        joined = "\\0037".join(word.replace("\\", "\\\\") for word in words)
        return run("export", f'{variable}="$(printf %b {shlex.quote(joined)})"')
    return export(variable, " ".join(words))
