/// Arrays that are gathered by the linker, in D (LDC, also as betterC): the elements are statics of any object, or member of an archive, and
/// ldshim is the linker.
///
///     alias commands = Section!(Command, "commands");
///
///     pragma(mangle, commands.marker!"hello") @assumeUsed
///     __gshared immutable Command hello = Command("hello", &sayHello);      // assumeUsed is of ldc.attributes
///
///     foreach (ref command; commands.all) ...
///
/// `@(section("commands")) @assumeUsed` of ldc.attributes makes an element, too, but not in archive members that nothing refers to.
module ldshim;

template Section(T, string name)
{
    /// The marker symbol of an element (docs/markers.md).  `unique` has to be the only one of its kind among the section's elements in the
    /// program.  Elements with a key stand behind those without: numbers by value, then other keys byte by byte.
    enum marker(string unique, string key = "") = "__ldshim$" ~ name ~ "$" ~ key ~ "$" ~ unique;

    /// All elements.  If the program has none, the link fails: a misspelt name is more often the cause than an empty section.
    pragma(inline, true) // so that there is no need to link this module
    immutable(T)[] all() @trusted nothrow @nogc
    {
        return first.ptr[0 .. last.ptr - first.ptr];
    }

    private extern (C) extern __gshared
    {
        pragma(mangle, "__start_" ~ name) immutable T[0] first;
        pragma(mangle, "__stop_" ~ name) immutable T[0] last;
    }
}
