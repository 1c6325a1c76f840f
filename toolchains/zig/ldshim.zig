//! Arrays that are gathered by the linker, in Zig: the elements are statics of any object, or member of an archive, and ldshim is the linker.
//!
//!     const ldshim = @import("ldshim");
//!     pub const Command = extern struct { name: [*:0]const u8, run: *const fn (i32) callconv(.c) i32 };
//!     pub const commands = ldshim.Section(Command, "commands");
//!
//!     const hello: Command = .{ .name = "hello", .run = sayHello };
//!     comptime {
//!         commands.element(&hello, "main.hello");
//!     }
//!
//!     for (commands.all()) |command| ...
//!
//! An element is exported under the name of a marker symbol (docs/markers.md), which ldshim hides again.  `linksection` alone does not do:
//! Zig has no `used`, so the linker would drop what nothing refers to.

pub fn Section(comptime T: type, comptime name: []const u8) type {
    return struct {
        /// Makes `pointer.*` an element; `unique` has to be the only one of its kind among the section's elements in the program.
        pub fn element(comptime pointer: *const T, comptime unique: []const u8) void {
            keyed(pointer, "", unique);
        }

        /// An element behind all those without a key, by key: numbers by value, then other keys byte by byte.
        pub fn keyed(comptime pointer: *const T, comptime key: []const u8, comptime unique: []const u8) void {
            @export(pointer, .{ .name = "__ldshim$" ++ name ++ "$" ++ key ++ "$" ++ unique, .visibility = .hidden });
        }

        /// All elements.  If the program has none, the link fails: a misspelt name is more often the cause than an empty section.
        pub fn all() []const T {
            const first = @extern([*]const T, .{ .name = "__start_" ++ name });
            const last = @extern([*]const T, .{ .name = "__stop_" ++ name });
            return between(first, last);
        }

        /// All elements, which may be none.
        pub fn allOrNone() []const T {
            const first = @extern(?[*]const T, .{ .name = "__start_" ++ name, .linkage = .weak }) orelse return &.{};
            const last = @extern(?[*]const T, .{ .name = "__stop_" ++ name, .linkage = .weak }) orelse return &.{};
            return between(first, last);
        }

        fn between(first: [*]const T, last: [*]const T) []const T {
            return first[0 .. (@intFromPtr(last) - @intFromPtr(first)) / @sizeOf(T)];
        }
    };
}
