/* Zephyr's <zephyr/sys/iterable_sections.h>, for WebAssembly through ldshim: no linker script lists the sections.
 *
 *     struct my_data { int a, b; };
 *
 *     STRUCT_SECTION_ITERABLE(my_data, d1) = { 1, 2 };                    // in any file; `static` and `const` may stand in front
 *
 *     STRUCT_SECTION_FOREACH(my_data, it) printk("%d", it->a);
 *
 * As with Zephyr's scripts the elements are sorted by the name of their input section, ._TYPE.static.NAME_, and a section without elements is
 * empty.  Elements count in archive members that nothing refers to.
 *
 * All names are Zephyr's for C only.  For the linker an element is a marker symbol, and the bounds _TYPE_list_start and _TYPE_list_end are
 * __start_TYPE and __stop_TYPE.  So bounds are declared by TYPE_SECTION_START_EXTERN and its kin, not by hand, and the element of
 * another file by STRUCT_SECTION_ITERABLE_EXTERN instead of `extern`; whatever is not, is an undefined symbol.
 */

#ifndef LDSHIM_ZEPHYR_SYS_ITERABLE_SECTIONS_H
#define LDSHIM_ZEPHYR_SYS_ITERABLE_SECTIONS_H

#if !defined(__wasm__)
#error "this iterable_sections.h is for WebAssembly: elsewhere take Zephyr's"
#elif defined(__cplusplus) && __clang_major__ < 19
/* Up to clang 16 at least, a `static` in extern "C" that is `used` loses its marker to the optimizer, and the element would be lost. */
#error "this iterable_sections.h needs clang 19 in C++"
#endif

#include <stddef.h>

/* Arguments may be macros, so each definition hands them on once before they are pasted or made text. */
#define TYPE_SECTION_ITERABLE(type, varname, secname, section_postfix) \
    __attribute__((aligned(__alignof__(type)))) type varname \
    __asm__(LDSHIM_ITERABLE_NAME_(secname, section_postfix, varname)) __attribute__((used))
#define LDSHIM_ITERABLE_NAME_(secname, section_postfix, varname) LDSHIM_ITERABLE_NAME_AGAIN_(secname, section_postfix, varname)
#define LDSHIM_ITERABLE_NAME_AGAIN_(secname, section_postfix, varname) "__ldshim$" #secname "$" #section_postfix "_$" #varname

#define TYPE_SECTION_START(secname) LDSHIM_PASTED_(_, secname, _list_start)
#define TYPE_SECTION_END(secname) LDSHIM_PASTED_(_, secname, _list_end)
#define LDSHIM_PASTED_(a, b, c) LDSHIM_PASTED_AGAIN_(a, b, c)
#define LDSHIM_PASTED_AGAIN_(a, b, c) a##b##c

#define TYPE_SECTION_START_EXTERN(type, secname) LDSHIM_BOUND_EXTERN_(type, TYPE_SECTION_START(secname), "__start_", secname)
#define TYPE_SECTION_END_EXTERN(type, secname) LDSHIM_BOUND_EXTERN_(type, TYPE_SECTION_END(secname), "__stop_", secname)
/* Weak, so that a section without elements has the bounds 0 and 0. */
#define LDSHIM_BOUND_EXTERN_(type, name, prefix, secname) LDSHIM_BOUND_EXTERN_AGAIN_(type, name, prefix, secname)
#define LDSHIM_BOUND_EXTERN_AGAIN_(type, name, prefix, secname) \
    extern type name[] __asm__(prefix #secname) __attribute__((weak, visibility("hidden")))

#define TYPE_SECTION_FOREACH(type, secname, iterator) \
    TYPE_SECTION_START_EXTERN(type, secname); \
    TYPE_SECTION_END_EXTERN(type, secname); \
    for (type *iterator = TYPE_SECTION_START(secname); iterator < TYPE_SECTION_END(secname); iterator++)

#define TYPE_SECTION_FOREACH_REVERSE(type, secname, iterator) \
    TYPE_SECTION_START_EXTERN(type, secname); \
    TYPE_SECTION_END_EXTERN(type, secname); \
    for (type *iterator = TYPE_SECTION_END(secname); iterator > TYPE_SECTION_START(secname) && iterator--;)

#define TYPE_SECTION_GET(type, secname, i, dst) \
    do { \
        TYPE_SECTION_START_EXTERN(type, secname); \
        *(dst) = &TYPE_SECTION_START(secname)[i]; \
    } while (0)

#define TYPE_SECTION_COUNT(type, secname, dst) \
    do { \
        TYPE_SECTION_START_EXTERN(type, secname); \
        TYPE_SECTION_END_EXTERN(type, secname); \
        *(dst) = (size_t)(TYPE_SECTION_END(secname) - TYPE_SECTION_START(secname)); \
    } while (0)

#define STRUCT_SECTION_START(struct_type) TYPE_SECTION_START(struct_type)
#define STRUCT_SECTION_END(struct_type) TYPE_SECTION_END(struct_type)
#define STRUCT_SECTION_START_EXTERN(struct_type) TYPE_SECTION_START_EXTERN(struct struct_type, struct_type)
#define STRUCT_SECTION_END_EXTERN(struct_type) TYPE_SECTION_END_EXTERN(struct struct_type, struct_type)

#define STRUCT_SECTION_ITERABLE(struct_type, varname) STRUCT_SECTION_ITERABLE_ALTERNATE(struct_type, struct_type, varname)
#define STRUCT_SECTION_ITERABLE_ALTERNATE(secname, struct_type, varname) \
    TYPE_SECTION_ITERABLE(struct struct_type, varname, secname, varname)
#define STRUCT_SECTION_ITERABLE_NAMED(struct_type, name, varname) \
    STRUCT_SECTION_ITERABLE_NAMED_ALTERNATE(struct_type, struct_type, name, varname)
#define STRUCT_SECTION_ITERABLE_NAMED_ALTERNATE(struct_type, secname, name, varname) \
    TYPE_SECTION_ITERABLE(struct struct_type, varname, secname, name)
#define STRUCT_SECTION_ITERABLE_ARRAY(struct_type, varname, size) \
    STRUCT_SECTION_ITERABLE_ARRAY_ALTERNATE(struct_type, struct_type, varname, size)
#define STRUCT_SECTION_ITERABLE_ARRAY_ALTERNATE(secname, struct_type, varname, size) \
    TYPE_SECTION_ITERABLE(struct struct_type, varname[size], secname, varname)

/* An element of another file, whose name is ldshim's for the linker.  This one is not Zephyr's, which has `extern` for it. */
#define STRUCT_SECTION_ITERABLE_EXTERN(struct_type, varname) \
    extern struct struct_type varname __asm__(LDSHIM_ITERABLE_NAME_(struct_type, varname, varname))

#define STRUCT_SECTION_FOREACH(struct_type, iterator) STRUCT_SECTION_FOREACH_ALTERNATE(struct_type, struct_type, iterator)
#define STRUCT_SECTION_FOREACH_ALTERNATE(secname, struct_type, iterator) TYPE_SECTION_FOREACH(struct struct_type, secname, iterator)
#define STRUCT_SECTION_FOREACH_REVERSE(struct_type, iterator) \
    STRUCT_SECTION_FOREACH_ALTERNATE_REVERSE(struct_type, struct_type, iterator)
#define STRUCT_SECTION_FOREACH_ALTERNATE_REVERSE(secname, struct_type, iterator) \
    TYPE_SECTION_FOREACH_REVERSE(struct struct_type, secname, iterator)
#define STRUCT_SECTION_GET(struct_type, i, dst) TYPE_SECTION_GET(struct struct_type, struct_type, i, dst)
#define STRUCT_SECTION_COUNT(struct_type, dst) TYPE_SECTION_COUNT(struct struct_type, struct_type, dst)

#endif
