import ldc.attributes : assumeUsed;
import commands;

extern (C):

/// main.d calls this, so the linker takes this member of the library.
int shared_by_all(int n)
{
    return n;
}

private int runTwice(int n)
{
    return 2 * n;
}

pragma(mangle, commands.commands.marker!"twice") @assumeUsed
__gshared immutable Command twice = Command("twice", &runTwice);
