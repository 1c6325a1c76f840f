"""The WebAssembly object format: reading, editing and writing.  Knows wasm, and nothing of named sections.

The names are those of the tool-conventions, https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md.
"""

from __future__ import annotations
