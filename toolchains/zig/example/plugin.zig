const api = @import("commands.zig");

// Nothing refers to this member of the library.
fn runCube(n: i32) callconv(.c) i32 {
    return n * n * n;
}

const cube: api.Command = .{ .name = "cube", .run = runCube };

comptime {
    api.commands.element(&cube, "cube");
}
