/* A plugin in an archive.  Nothing refers to it. */
#include "command.h"

static int run_square(int x) { return x * x; }

COMMAND(square) = {"square", __FILE_NAME__, run_square};
