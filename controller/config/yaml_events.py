"""What both ways of reading YAML share: the parser of events, and the bounds on what they take."""

from __future__ import annotations

from typing import Any, Final

import yaml

Parser: Any
try:
    from yaml.cyaml import CParser as Parser  # type: ignore[attr-defined] # the stubs hide it
except ImportError:  # PyYAML without libyaml: the same events, several times slower
    Parser = yaml.SafeLoader

MAX_DEPTH: Final = 32
MAX_DOCUMENTS: Final = 1_000
