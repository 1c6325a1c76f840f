const api = @import("commands.zig");

/// main.zig calls this, so the linker takes this member of the library.
export fn shared_by_all(n: i32) i32 {
    return n;
}

fn runTwice(n: i32) callconv(.c) i32 {
    return 2 * n;
}

const twice: api.Command = .{ .name = "twice", .run = runTwice };

comptime {
    api.commands.element(&twice, "twice");
}
