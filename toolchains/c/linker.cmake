# For CMake 3.29 and later, beside a toolchain file of somebody else's: ldshim as the linker of clang, and ldshim.h.
#
#   cmake -DCMAKE_TOOLCHAIN_FILE=… -DCMAKE_PROJECT_TOP_LEVEL_INCLUDES=…/toolchains/c/linker.cmake …

if(CMAKE_VERSION VERSION_LESS 3.29)
  message(FATAL_ERROR "linker.cmake needs CMake 3.29; older ones take -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=/path/of/ldshim")
endif()

find_program(LDSHIM ldshim REQUIRED)
execute_process(COMMAND ${LDSHIM} include-dir OUTPUT_VARIABLE LDSHIM_INCLUDE_DIR OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

set(CMAKE_C_USING_LINKER_LDSHIM "-fuse-ld=${LDSHIM}")
set(CMAKE_CXX_USING_LINKER_LDSHIM "-fuse-ld=${LDSHIM}")
set(CMAKE_LINKER_TYPE LDSHIM)
include_directories(SYSTEM ${LDSHIM_INCLUDE_DIR})
