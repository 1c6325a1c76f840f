#include "commands.h"

// Nothing refers to this one, either.
namespace {
int run_negate(int n) { return -n; }
LDSHIM_ELEMENT(commands, const struct command, negate) = {"negate", run_negate};
}  // namespace
