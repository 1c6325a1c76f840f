#include "commands.h"

/* Nothing refers to this member of the library. */
static int run_square(int n) { return n * n; }
LDSHIM_ELEMENT(commands, const struct command, square) = {"square", run_square};
