#include "commands.h"

/* main.c calls this, so the linker takes this member of the library. */
int shared_by_all(int n) { return n; }

static int run_twice(int n) { return 2 * n; }
LDSHIM_ELEMENT(commands, const struct command, twice) = {"twice", run_twice};
