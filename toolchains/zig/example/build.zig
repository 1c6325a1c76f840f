const std = @import("std");

/// `zig build` links with the lld that is built into Zig.  So it makes objects here, and ldshim is a program that it runs.
pub fn build(b: *std.Build) void {
    const target = b.resolveTargetQuery(.{ .cpu_arch = .wasm32, .os_tag = .freestanding });
    const optimize = b.standardOptimizeOption(.{});
    const ldshim = b.createModule(.{ .root_source_file = b.path("../ldshim.zig") });

    const link = b.addSystemCommand(&.{ "ldshim", "--no-entry", "--export=count", "--export=at" });
    for ([_][]const u8{ "main", "library", "plugin" }) |name| {
        const object = b.addObject(.{
            .name = name,
            .root_module = b.createModule(.{
                .root_source_file = b.path(b.fmt("{s}.zig", .{name})),
                .target = target,
                .optimize = optimize,
                .imports = &.{.{ .name = "ldshim", .module = ldshim }},
            }),
        });
        link.addFileArg(object.getEmittedBin());
    }
    link.addArg("-o");
    const module = link.addOutputFileArg("commands.wasm");
    b.getInstallStep().dependOn(&b.addInstallFile(module, "commands.wasm").step);
}
