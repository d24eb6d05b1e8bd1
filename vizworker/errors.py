"""Every error of ours, in one small tree.

VizError
├── FrameError       a frame's arrays or numbers do not belong together
├── WireError        bytes that are not a message of this schema
│   └── SchemaError  a message of another schema version
├── LayoutError      a frame that its layout cannot draw
├── ExtractError     a fit whose arrays cannot be taken on the search's side
└── EndpointError    an address that cannot or must not be used
"""


class VizError(Exception):
    """The base of every error raised by `vizworker` and `search_hooks`."""


class FrameError(VizError):
    """A frame's arrays or numbers do not belong together."""


class WireError(VizError):
    """Bytes from the wire are not a message of this schema."""


class SchemaError(WireError):
    """A message speaks another schema version."""


class LayoutError(VizError):
    """A frame lacks what its layout draws, or names a layout that does not exist."""


class ExtractError(VizError):
    """A fit's arrays cannot be taken: no extractor, or a graph that does not trace."""


class EndpointError(VizError):
    """An address that cannot be used, or must not be used without keys."""
