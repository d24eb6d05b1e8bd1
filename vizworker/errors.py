"""Every error of ours, in one small tree.

VizError
├── FrameError       a frame's arrays or numbers do not belong together
├── WireError        bytes that are not a message of this schema
│   └── SchemaError  a message of another schema version
├── LayoutError      a frame that its layout cannot draw
├── ExtractError     a fit whose arrays cannot be taken on the search's side
├── EndpointError    an address that cannot or must not be used
├── ConfigError      a setting that cannot be used
├── LimitError       more than a worker accepts; it names the limit
├── KeyRefusedError  a key that is not, or no longer, authorised
└── RenderError      a frame that was not drawn in another process
    ├── RenderLostError     it hung there, or ended the process
    └── RenderDelayedError  where it should have been drawn is gone: it is drawn again
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


class ConfigError(VizError):
    """A setting that cannot be used: which one, where it was given and what was expected."""


class LimitError(VizError):
    """More than a worker accepts."""

    def __init__(self, limit: str, message: str) -> None:
        """Name the limit, as `docs/settings.md` does."""
        super().__init__(f"{message} (its setting limits.{limit})")
        self.limit = limit


class KeyRefusedError(VizError):
    """A key that is not authorised, or not any more."""


class RenderError(VizError):
    """A frame could not be drawn in another process: what was raised there, with its type."""


class RenderLostError(RenderError):
    """A frame hung the process that drew it, or ended it."""


class RenderDelayedError(RenderError):
    """Where a frame should have been drawn is gone, through no fault of the frame's."""
