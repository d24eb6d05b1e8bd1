"""Mathematical labels whose digits change: parsed once for each shape of number."""

import functools
import re
from typing import Any

from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.mathtext import MathTextParser

DIGIT = re.compile(r"[0-9]")


class LabelParser:
    """Stands in for a renderer's parser of mathematical text.

    Parsing the unit of a colour bar takes milliseconds, and every frame has new numbers before
    it. Digits are equally wide, so the glyphs of another number are those of zeros at the same
    places, as long as the unit is taller than any digit.
    """

    def __init__(self) -> None:
        self._parser = MathTextParser("path")
        self._template = functools.lru_cache(256)(self._parse)
        self._taller = functools.lru_cache(32)(self._is_taller)

    def parse(
        self,
        s: str,
        dpi: float = 72,
        prop: FontProperties | None = None,
        *,
        antialiased: bool | None = None,
    ) -> Any:
        """As `MathTextParser.parse`."""
        number, dollar, unit = s.partition("$")
        prop = FontProperties() if prop is None else prop.copy()
        if not DIGIT.search(number) or not self._taller(dollar + unit, dpi, prop):
            return self._template(s, dpi, prop, antialiased)
        zeros = DIGIT.sub("0", number) + dollar + unit
        parsed = self._template(zeros, dpi, prop, antialiased)
        glyphs = [
            _replaced(glyph, character)
            for glyph, character in zip(parsed.glyphs, number, strict=False)
        ]
        return parsed._replace(glyphs=glyphs + parsed.glyphs[len(number) :])

    def _parse(self, s: str, dpi: float, prop: FontProperties, antialiased: bool | None) -> Any:
        return self._parser.parse(s, dpi, prop, antialiased=antialiased)

    def _is_taller(self, unit: str, dpi: float, prop: FontProperties) -> bool:
        """Whether the unit decides the height and the depth of a label."""
        unit_box = self._parse(unit, dpi, prop, None)
        digits = self._parse("0123456789", dpi, prop, None)
        return bool(unit_box.height > digits.height and unit_box.depth >= digits.depth)


def _replaced(glyph: tuple[FT2Font, float, int, int, float, float], character: str) -> Any:
    font, size, code, _, x, y = glyph
    if code != ord("0"):
        return glyph
    return font, size, ord(character), font.get_char_index(ord(character)), x, y
