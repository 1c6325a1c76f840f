const ldshim = @import("ldshim");

/// As in toolchains/c/example/commands.h.
pub const Command = extern struct {
    name: [*:0]const u8,
    run: *const fn (i32) callconv(.c) i32,
};

pub const commands = ldshim.Section(Command, "commands");
