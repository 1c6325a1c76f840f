#include "commands.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

int shared_by_all(int n);

static int run_itself(int n) { return n; }
LDSHIM_ELEMENT(commands, const struct command, itself) = {"itself", run_itself};

int EXPORT(count)(void) { return (int)LDSHIM_COUNT(commands); }
int EXPORT(at)(int i) { return shared_by_all(LDSHIM_BEGIN(commands)[i].run(7)); }

/* wasm32-unknown-unknown has no libc, and no main. */
#if defined(__wasi__) || defined(__EMSCRIPTEN__)
#include <stdio.h>

int main(void)
{
    LDSHIM_FOREACH(commands, it) printf("%s %d\n", it->name, it->run(7));
}
#endif
