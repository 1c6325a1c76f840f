/* A plugin whose object is on the linker's command line. */
#include "command.h"

static int run_twice(int x) { return 2 * x; }

COMMAND(twice) = {"twice", __FILE_NAME__, run_twice};
