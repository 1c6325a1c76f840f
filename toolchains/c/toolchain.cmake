# A CMake toolchain file: clang for WebAssembly, ldshim as its linker, and ldshim.h.
#
#   LDSHIM_TARGET   wasm32-unknown-unknown, without a libc, if not said otherwise
#   LDSHIM          another ldshim than that on PATH

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)

if(NOT LDSHIM_TARGET)
  set(LDSHIM_TARGET wasm32-unknown-unknown)
endif()
# CMake reads this file again for each of its trials of the compiler.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LDSHIM_TARGET LDSHIM)

find_program(LDSHIM ldshim REQUIRED)
execute_process(COMMAND ${LDSHIM} include-dir OUTPUT_VARIABLE LDSHIM_INCLUDE_DIR OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

set(CMAKE_C_COMPILER clang)
set(CMAKE_CXX_COMPILER clang++)
set(CMAKE_EXECUTABLE_SUFFIX .wasm)
foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_TARGET ${LDSHIM_TARGET})
  set(CMAKE_${language}_STANDARD_INCLUDE_DIRECTORIES ${LDSHIM_INCLUDE_DIR})
  # Where a platform has no file of its own in CMake, the suffix is that of the language.
  set(CMAKE_EXECUTABLE_SUFFIX_${language} .wasm)
endforeach()

set(CMAKE_EXE_LINKER_FLAGS_INIT "-fuse-ld=\"${LDSHIM}\"")
if(LDSHIM_TARGET MATCHES "unknown$|none$")
  string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT " -nostdlib -Wl,--no-entry")
endif()

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
