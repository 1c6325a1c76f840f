/* A program whose commands register themselves: in the program, in a library, and in members of it that nothing refers to. */

#include <ldshim.h>

struct command {
    const char *name;
    int (*run)(int);
};

LDSHIM_SECTION(commands, const struct command);
