"""What `ldshim --help` says behind lld's own help."""

from __future__ import annotations

HELP = """\
ldshim: a wasm-ld that collects named sections; every other option is the real linker's.

  --ldshim-linker=<path>  The wasm-ld that does the linking; a name without a slash is looked up on PATH.
                          Default: LDSHIM_LINKER, then rust-lld, wasm-ld or wasm-ld-NN on PATH,
                          then $WASI_SDK_PATH/bin/wasm-ld, then the ziglang package's.
  --ldshim-map=<file>     Write what is in each named section, where it lies and which input it came from:
                          JSON if the name ends in .json, a page if in .html, else text; - is stdout.

  LDSHIM_LINKER=<path>    The same, for all links.
  LDSHIM_CACHE=<dir>      Where it is remembered which archives hold nothing to collect, so that they are searched once;
                          off: nowhere.  Default: ldshim in $XDG_CACHE_HOME or ~/.cache.
  LDSHIM_TRACE=1          Say on stderr what was decided, and why.
  LDSHIM_SAVE_DIR=<dir>   Save each link in a numbered directory of its own, to be run again elsewhere.
  LDSHIM=off              Hand every link over to the real linker as it is.

  ldshim include-dir      Print the directory of the C headers.
  ldshim demo             Build and run an example.
  ldshim init             Make a cargo project link through ldshim, with a linkme that works on wasm.
  ldshim doctor           Say what is wrong with the linkers, compilers and the cargo project here, and what mends it.
  ldshim inspect FILE...  Show named sections, their elements and who reads them.
  ldshim explain SECTION  Say why an element is in a section of a link, or why it is not.
"""
