# For a Makefile: `include …/toolchains/c/ldshim.mk` adds ldshim.h to CPPFLAGS, and ldshim as clang's linker to LDFLAGS.
#
# LDSHIM names another ldshim than that on PATH.

LDSHIM ?= ldshim
# clang takes a path from the root, and for wasm no other.
LDSHIM_PATH := $(shell command -v $(LDSHIM))
ifeq ($(LDSHIM_PATH),)
$(error $(LDSHIM) is not on PATH: pip install ldshim)
endif

CPPFLAGS += -I$(shell $(LDSHIM_PATH) include-dir)
LDFLAGS += -fuse-ld=$(LDSHIM_PATH)
