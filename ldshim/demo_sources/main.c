/* Reads the registry.  No plugin is named here. */
#include "command.h"

#define EXPORT(name) __attribute__((export_name(#name)))

EXPORT(count) int count(void) { return (int)COMMAND_COUNT; }
EXPORT(name) const char *name(int i) { return FIRST_COMMAND[i].name; }
EXPORT(file) const char *file(int i) { return FIRST_COMMAND[i].file; }
EXPORT(run) int run(int i, int x) { return FIRST_COMMAND[i].run(x); }
