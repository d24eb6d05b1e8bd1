"""The colour maps of the figures: the host's own, and any that matplotlib knows by name."""

import base64
import zlib

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, ListedColormap

from vizworker.errors import LayoutError

AUTOARRAY = "autoarray"

# 256 levels of red, then green, then blue in steps of 1/510: zlib over the differences as
# little-endian int16
_LEVELS = (
    "c-oaz33kLF2zATS`(Lj2=(N);))E%QL^Cb_0pczQlR3zmLb@%M&D@5mbdmMSLpo%S?72m26Ho-~X-"
    "jKb0N>Dx$(mqh^M;ts1Q^W#>jJEF)vX-"
    "#1sEG})&#R>C8r8w#iP<!Yp6zaFL7YVYh3m6JMZ3;RoY&9u9TR55RtJX?@DXy^$o<g6ft?L&)Tyr+UMA|5I9Pq<Jp0wK"
    "xWICzRCV_w&Ody3TOMjuu9t;2l09Y-YcJ<v32aNk{ip7vw_-cX2HUlvT(jgi$-"
    "M!eWRGqqrKjnf4ltu5{;2_D_r1jtaIGNd*rb?+YdaE1z*U7PsRg4@{vAROCQaAq9;~-"
    "d&F~6I$}hTl8CkSUq<>lVsnMF{7#$eTd!*BYH8Gul7A(6-O^=7@20Qn%`eIDtqT"
)


def colormap(name: str) -> Colormap:
    """The colour map called `name`.

    Raises:
        LayoutError: neither ours nor matplotlib's.
    """
    if name == AUTOARRAY:
        return _autoarray()
    if name not in colormaps:
        raise LayoutError(
            f"colour map {name!r} is unknown, expected {AUTOARRAY!r} or one of matplotlib's: "
            "correct `colormap` in config/visualize/general.yaml"
        )
    return colormaps[name]


def _autoarray() -> ListedColormap:
    differences = np.frombuffer(zlib.decompress(base64.b85decode(_LEVELS)), dtype="<i2")
    levels = differences.reshape(3, 256).cumsum(axis=1).T
    # the middle of a step, so that cutting and rounding to 8 bits give the same colours
    return ListedColormap(np.minimum((levels + 0.5) / 510, 1.0), name=AUTOARRAY)
