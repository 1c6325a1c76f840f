/* What the reader and the plugins of the demo share. */
#ifndef COMMAND_H
#define COMMAND_H

struct command {
    const char *name;
    const char *file; /* that registered it */
    int (*run)(int);
};

#ifdef PLAIN_SECTION

/* As one does it on ELF: the linker defines the bounds of a section whose name is a C identifier. */
#define COMMAND(name) static const struct command name __attribute__((used, section("commands")))
extern const struct command __start_commands[], __stop_commands[];
#define FIRST_COMMAND __start_commands
#define COMMAND_COUNT (__stop_commands - __start_commands)

#else

#include <ldshim.h>
LDSHIM_SECTION(commands, const struct command);
#define COMMAND(name) LDSHIM_ELEMENT(commands, const struct command, name)
#define FIRST_COMMAND LDSHIM_BEGIN(commands)
#define COMMAND_COUNT LDSHIM_COUNT(commands)

#endif

#endif
