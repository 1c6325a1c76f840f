const api = @import("commands.zig");

extern fn shared_by_all(n: i32) i32;

fn runItself(n: i32) callconv(.c) i32 {
    return n;
}

const itself: api.Command = .{ .name = "itself", .run = runItself };

comptime {
    api.commands.element(&itself, "itself");
}

export fn count() usize {
    return api.commands.all().len;
}

export fn at(i: usize) i32 {
    return shared_by_all(api.commands.all()[i].run(7));
}
