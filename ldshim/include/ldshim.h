/* ldshim.h: arrays that are gathered by the linker, in C11 and C++11.
 *
 * Statics of many files, and of members of archives, form one array, without any code that runs at start-up:
 *
 *     // command.h
 *     #include <ldshim.h>
 *     struct command { const char *name; int (*run)(int); };
 *     LDSHIM_SECTION(commands, const struct command);
 *
 *     // hello.c, perhaps in an archive; nothing refers to it
 *     LDSHIM_ELEMENT(commands, const struct command, hello) = { "hello", say_hello };
 *
 *     // main.c
 *     LDSHIM_MAY_BE_EMPTY(commands);
 *     LDSHIM_FOREACH(commands, it) { if (!strcmp(it->name, wanted)) return it->run(n); }
 *
 * WebAssembly needs `ldshim` in the place of `wasm-ld`: `clang -fuse-ld=/path/of/ldshim`, with -I`ldshim include-dir`.  An element is a marker
 * symbol there (docs/markers.md).  The same source works on ELF and Mach-O without ldshim, by the linkers' own means.
 *
 *                          WebAssembly                     ELF                             Mach-O (not tested)
 *   archive members        found without a reference       only members that are linked    as on ELF
 *   sort keys              by key, then link order         ignored: link order             ignored: link order
 *   no elements at all     needs LDSHIM_MAY_BE_EMPTY       always an empty array           always an empty array
 *   SECTION's name         a C identifier                  a C identifier                  at most 16 characters, 11 for LDSHIM_POINTERS
 *
 * NAME, the last argument of LDSHIM_ELEMENT and its kin, is the C name of the element, and within its section it must be unique in the whole
 * program: the linker refuses two of one name, in C++ also those of different namespaces.  An anonymous namespace is the exception; `static`
 * cannot be said.
 *
 * On WebAssembly every element needs a data segment of its own: that is the default there (-fdata-sections).
 */

#ifndef LDSHIM_H
#define LDSHIM_H

#include <stddef.h>

#if !defined(__GNUC__)
#error "ldshim.h needs clang or gcc"
#elif !defined(__wasm__) && !defined(__ELF__) && !defined(__MACH__)
#error "ldshim.h knows WebAssembly, ELF and Mach-O"
#endif

/* LDSHIM_SECTION(SECTION, TYPE);
 * Declares an array of TYPE that is called SECTION, in a header or where it is used.  TYPE must be complete, and may be const. */
#define LDSHIM_SECTION(section, type)                                       \
    typedef __typeof__(type) ldshim_type_##section;                         \
    LDSHIM_BOUNDS_(section, #section, ldshim_type_##section)                \
    LDSHIM_ASSERT_(sizeof(ldshim_type_##section) > 0, "elements of section " #section " have no size")

/* LDSHIM_ELEMENT(SECTION, TYPE, NAME) = initializer;
 * Defines an element at file or namespace scope.  TYPE must be the section's. */
#define LDSHIM_ELEMENT(section, type, name)                                 \
    extern __attribute__((visibility("hidden"))) __typeof__(type) name __asm__(LDSHIM_MARKER_(#section, "", #name)); \
    LDSHIM_ELEMENT_ATTRIBUTES_(#section, ldshim_type_##section) ldshim_type_##section name

/* LDSHIM_ELEMENT_KEYED(SECTION, KEY, TYPE, NAME) = initializer;
 * An element that stands behind all those without a key, and in the order of the keys: first numbers, by value, then
 * words.  KEY is a decimal number without a suffix, or an identifier, or a macro for one of them. */
#define LDSHIM_ELEMENT_KEYED(section, key, type, name)                      \
    extern __attribute__((visibility("hidden"))) __typeof__(type) name __asm__(LDSHIM_MARKER_(#section, LDSHIM_STRING_(key), #name)); \
    LDSHIM_ELEMENT_ATTRIBUTES_(#section, ldshim_type_##section) ldshim_type_##section name

/* LDSHIM_MAY_BE_EMPTY(SECTION);
 * Says that a program without elements is no mistake.  One file that says so is enough, others may.  For LDSHIM_POINTERS, too. */
#if defined(__wasm__)
#define LDSHIM_MAY_BE_EMPTY(section)                                        \
    __extension__ static char ldshim_declared_##section[0] __asm__(LDSHIM_MARKER_(#section, "", "declaration")) \
        __attribute__((used, aligned(__alignof__(ldshim_type_##section))))
#else
#define LDSHIM_MAY_BE_EMPTY(section)                                        \
    LDSHIM_ASSERT_(sizeof(ldshim_type_##section) > 0, "elements of section " #section " have no size")
#endif

/* The first element, the place behind the last one, and how many there are. */
#define LDSHIM_BEGIN(section) (ldshim_begin_##section())
#define LDSHIM_END(section) (ldshim_end_##section())
#define LDSHIM_COUNT(section) ((size_t)(LDSHIM_END(section) - LDSHIM_BEGIN(section)))

/* LDSHIM_FOREACH(SECTION, IT) statement
 * Runs the statement with IT, a pointer to TYPE, at each element. */
#define LDSHIM_FOREACH(section, it)                                         \
    for (ldshim_type_##section *it = LDSHIM_BEGIN(section), *const ldshim_stop_##it = LDSHIM_END(section); \
         it < ldshim_stop_##it; ++it)

/* Elements that differ in type or size cannot form an array, but pointers to them can.
 *
 *     LDSHIM_POINTERS(shapes, const struct shape);
 *     LDSHIM_POINTERS_ELEMENT(shapes, const struct circle, unit) = { { CIRCLE }, 1.0 };
 *     LDSHIM_POINTERS_FOREACH(shapes, it) draw(*it);
 *
 * LDSHIM_POINTERS(SECTION, TYPE);
 * Declares the table of pointers to TYPE; each points to an element, whatever the element's own type.  It is SECTION_ptrs for the
 * linker, so no other section may be called that. */
#define LDSHIM_POINTERS(section, type)                                      \
    typedef __typeof__(type) ldshim_type_##section;                         \
    typedef ldshim_type_##section *const ldshim_pointer_##section;          \
    LDSHIM_BOUNDS_(section##_ptrs, #section "_ptrs", ldshim_pointer_##section) \
    LDSHIM_ASSERT_(sizeof(ldshim_pointer_##section) == sizeof(void *), "a pointer")

#define LDSHIM_POINTERS_ELEMENT(section, type, name)                        \
    extern __attribute__((visibility("hidden"))) __typeof__(type) name __asm__(LDSHIM_MARKER_(#section, "", #name)); \
    LDSHIM_POINTER_TO_(section, name)                                       \
    LDSHIM_ASSERT_(sizeof(__typeof__(type)) > 0, #name " has no size");     \
    LDSHIM_POINTED_ATTRIBUTES_ __typeof__(type) name

#define LDSHIM_POINTERS_ELEMENT_KEYED(section, key, type, name)             \
    extern __attribute__((visibility("hidden"))) __typeof__(type) name __asm__(LDSHIM_MARKER_(#section, LDSHIM_STRING_(key), #name)); \
    LDSHIM_POINTER_TO_(section, name)                                       \
    LDSHIM_ASSERT_(sizeof(__typeof__(type)) > 0, #name " has no size");     \
    LDSHIM_POINTED_ATTRIBUTES_ __typeof__(type) name

#define LDSHIM_POINTERS_BEGIN(section) (ldshim_begin_##section##_ptrs())
#define LDSHIM_POINTERS_END(section) (ldshim_end_##section##_ptrs())
#define LDSHIM_POINTERS_COUNT(section) ((size_t)(LDSHIM_POINTERS_END(section) - LDSHIM_POINTERS_BEGIN(section)))

/* IT is a pointer into the table: *IT points to the element. */
#define LDSHIM_POINTERS_FOREACH(section, it)                                \
    for (ldshim_pointer_##section *it = LDSHIM_POINTERS_BEGIN(section), *const ldshim_stop_##it = LDSHIM_POINTERS_END(section); \
         it < ldshim_stop_##it; ++it)

/* What follows is not for use. */

#if defined(__cplusplus)
#define LDSHIM_ASSERT_(condition, text) static_assert(condition, text)
#else
#define LDSHIM_ASSERT_(condition, text) _Static_assert(condition, text)
#endif

#define LDSHIM_STRING_(text) LDSHIM_STRING_AGAIN_(text)
#define LDSHIM_STRING_AGAIN_(text) #text

#define LDSHIM_MARKER_(section, key, name) "__ldshim$" section "$" key "$" name

/* A compiler may take it for granted that two objects have different addresses, and an empty section's bounds have not.  They are arrays of
 * unknown length, and where they come from is hidden from the optimizer. */
#define LDSHIM_BOUNDS_(section, text, type)                                 \
    extern type ldshim_first_##section[] __asm__(LDSHIM_START_ text) LDSHIM_BOUND_; \
    extern type ldshim_last_##section[] __asm__(LDSHIM_STOP_ text) LDSHIM_BOUND_; \
    __attribute__((unused)) static inline type *ldshim_begin_##section(void) \
    {                                                                       \
        type *place = ldshim_first_##section;                               \
        __asm__("" : "+r"(place));                                          \
        return place;                                                       \
    }                                                                       \
    __attribute__((unused)) static inline type *ldshim_end_##section(void)  \
    {                                                                       \
        type *place = ldshim_last_##section;                                \
        __asm__("" : "+r"(place));                                          \
        return place;                                                       \
    }

#if defined(__has_attribute)
#if __has_attribute(retain)
#define LDSHIM_RETAIN_ , retain
#endif
#endif
#if !defined(LDSHIM_RETAIN_)
#define LDSHIM_RETAIN_
#endif

/* gcc turns the order of statics around unless told not to; and like clang it raises the alignment of large objects, which would leave
 * gaps, unless the alignment is given. */
#if defined(__clang__)
#define LDSHIM_IN_ORDER_
#else
#define LDSHIM_IN_ORDER_ , no_reorder
#endif
#define LDSHIM_PLACED_(type) aligned(__alignof__(type)) LDSHIM_IN_ORDER_

#if defined(__wasm__)

#define LDSHIM_START_ "__start_"
#define LDSHIM_STOP_ "__stop_"
#define LDSHIM_BOUND_ __attribute__((visibility("hidden")))
/* Hidden, but global: it shows in the symbol index of an archive. */
#define LDSHIM_ELEMENT_ATTRIBUTES_(section, type) __attribute__((used, LDSHIM_PLACED_(type)))
#define LDSHIM_POINTED_ATTRIBUTES_ __attribute__((used))
#define LDSHIM_POINTER_TO_(section, name)

#else

#if defined(__ELF__)
#define LDSHIM_START_ "__start_"
#define LDSHIM_STOP_ "__stop_"
#define LDSHIM_BOUND_ __attribute__((weak, visibility("hidden")))
#define LDSHIM_NATIVE_(section) section
#else
#define LDSHIM_START_ "section$start$__DATA$"
#define LDSHIM_STOP_ "section$end$__DATA$"
#define LDSHIM_BOUND_
#define LDSHIM_NATIVE_(section) "__DATA," section
#endif

#define LDSHIM_ELEMENT_ATTRIBUTES_(text, type) \
    __attribute__((used LDSHIM_RETAIN_, section(LDSHIM_NATIVE_(text)), LDSHIM_PLACED_(type)))
#define LDSHIM_POINTED_ATTRIBUTES_
/* Not const: in C++ some of the casts are no constant expressions for clang, which then wants one section to be read-only and writable. */
#define LDSHIM_POINTER_TO_(text, name)                                      \
    LDSHIM_ELEMENT_ATTRIBUTES_STATIC_(#text "_ptrs")                        \
    static ldshim_type_##text *ldshim_pointer_to_##name = (ldshim_type_##text *)&name;
#define LDSHIM_ELEMENT_ATTRIBUTES_STATIC_(text) \
    __attribute__((used LDSHIM_RETAIN_, section(LDSHIM_NATIVE_(text)), aligned(sizeof(void *)) LDSHIM_IN_ORDER_))

#endif

#endif
