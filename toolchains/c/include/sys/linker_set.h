/* BSD's <sys/linker_set.h>, for WebAssembly through ldshim, and for ELF.
 *
 * A linker set is an array of pointers to statics, which may be anywhere in the program.  The names are FreeBSD's:
 *
 *     DATA_SET(commands, hello);                       // in any file: hello, a variable or function, is in the set
 *
 *     SET_DECLARE(commands, const struct command);     // where the set is read
 *     const struct command **it;
 *     SET_FOREACH(it, commands) puts((*it)->name);
 *
 * On WebAssembly an entry is a marker symbol of the section set_NAME, so it counts in archive members that nothing refers to.  A set without
 * entries is empty there, as on BSD, and no error.
 */

#ifndef LDSHIM_SYS_LINKER_SET_H
#define LDSHIM_SYS_LINKER_SET_H

#if defined(__wasm__)
#define LDSHIM_SET_PLACED_(set, sym) __asm__("__ldshim$set_" #set "$$" #sym) __attribute__((used))
#elif defined(__ELF__)
#define LDSHIM_SET_PLACED_(set, sym) __attribute__((used LDSHIM_SET_RETAIN_, section("set_" #set)))
#else
#error "this linker_set.h knows WebAssembly and ELF"
#endif

#define LDSHIM_SET_RETAIN_
#if defined(__has_attribute)
#if __has_attribute(retain)
#undef LDSHIM_SET_RETAIN_
#define LDSHIM_SET_RETAIN_ , retain
#endif
#endif

/* Static, since two files may put statics of one name into a set. */
#define LDSHIM_SET_POINTER_(set, sym) \
    static void const *const __set_##set##_sym_##sym LDSHIM_SET_PLACED_(set, sym) = (void const *)&(sym)

#if defined(__cplusplus)
/* Up to clang 16 at least, a `static` in extern "C" that is `used` loses its marker to the optimizer. */
#define LDSHIM_SET_ENTRY_(set, sym) extern "C++" { LDSHIM_SET_POINTER_(set, sym); } static_assert(true, "")
#else
#define LDSHIM_SET_ENTRY_(set, sym) LDSHIM_SET_POINTER_(set, sym)
#endif

#define TEXT_SET(set, sym) LDSHIM_SET_ENTRY_(set, sym)
#define DATA_SET(set, sym) LDSHIM_SET_ENTRY_(set, sym)
#define BSS_SET(set, sym) LDSHIM_SET_ENTRY_(set, sym)
#define ABS_SET(set, sym) LDSHIM_SET_ENTRY_(set, sym)
#define SET_ENTRY(set, sym) LDSHIM_SET_ENTRY_(set, sym)

/* Weak, so that a set without entries has the bounds 0 and 0. */
#define SET_DECLARE(set, ptype) \
    extern ptype *__start_set_##set[] __attribute__((weak, visibility("hidden"))); \
    extern ptype *__stop_set_##set[] __attribute__((weak, visibility("hidden")))

#define SET_BEGIN(set) (__start_set_##set)
#define SET_LIMIT(set) (__stop_set_##set)

#define SET_FOREACH(pvar, set) for (pvar = SET_BEGIN(set); pvar < SET_LIMIT(set); pvar++)

#define SET_ITEM(set, i) (SET_BEGIN(set)[i])
#define SET_COUNT(set) (SET_LIMIT(set) - SET_BEGIN(set))

#endif
