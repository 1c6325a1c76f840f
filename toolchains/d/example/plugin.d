import ldc.attributes : assumeUsed;
import commands;

extern (C):

// Nothing refers to this member of the library.
private int runHalf(int n)
{
    return n / 2;
}

pragma(mangle, commands.commands.marker!"half") @assumeUsed
__gshared immutable Command half = Command("half", &runHalf);
