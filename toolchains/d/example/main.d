import ldc.attributes : assumeUsed, section;
import ldshim : Section;
import commands;

extern (C):

int shared_by_all(int n);

private int runItself(int n)
{
    return n;
}

pragma(mangle, commands.commands.marker!"itself") @assumeUsed
__gshared immutable Command itself = Command("itself", &runItself);

@section("numbers") @assumeUsed
__gshared immutable int[2] numbers = [10, 32];

export int count()
{
    return cast(int) commands.commands.all.length;
}

export int at(int i)
{
    return shared_by_all(commands.commands.all.ptr[i].run(7));
}

export int sum_of_numbers()
{
    int sum = 0;
    foreach (number; Section!(int, "numbers").all)
        sum += number;
    return sum;
}
