module commands;

import ldshim : Section;

extern (C):

/// As in toolchains/c/example/commands.h.
struct Command
{
    const(char)* name;
    int function(int) run;
}

alias commands = Section!(Command, "commands");
