#!/usr/bin/env python3
"""Makes font.ttf.br: Droid Sans Fallback with Open Sans's Latin and some of DejaVu Sans's signs put in.

Droid Sans Fallback has no ASCII of its own; one file that has everything keeps the Rust side simple.
Needs fonttools and brotli, and the Debian packages fonts-droid-fallback, fonts-open-sans and fonts-dejavu-core:

    make-font.py DroidSansFallbackFull.ttf OpenSans-Regular.ttf DejaVuSans.ttf font.ttf.br
"""

import io
import sys

import brotli
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem

UNITS = 512
cjk = TTFont(sys.argv[1])

options = Options(hinting=False, layout_features=[], notdef_outline=True, glyph_names=False)
options.drop_tables += ["GDEF", "GPOS", "GSUB", "vhea", "vmtx", "gasp"]
options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
subsetter = Subsetter(options)
subsetter.populate(unicodes=list(cjk.getBestCmap()))
subsetter.subset(cjk)
scale_upem(cjk, UNITS)

LATIN = [0x20, *range(0x21, 0x7F), *range(0xA0, 0x180), 0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D]
LATIN += [0x2020, 0x2022, 0x2026, 0x2030, 0x20AC, 0x2122, 0x2212]
SIGNS = [ord(c) for c in "←↑→↓√∞∠∥≈≠≤≥■□▢▪▫▲△▶▼▽◆◇○◎●★☆☐☑☒✓✔✗✘"] + list(range(0x2160, 0x2170)) + list(range(0x2460, 0x2474))
added = {}
for path, codes in ((sys.argv[2], LATIN), (sys.argv[3], SIGNS)):
    font = TTFont(path)
    glyphs, names, known = font.getGlyphSet(), font.getBestCmap(), cjk.getBestCmap()
    scale = UNITS / font["head"].unitsPerEm
    for code in codes:
        if code not in names or (code in known and code >= 0x2000):
            continue
        recording = DecomposingRecordingPen(glyphs)
        glyphs[names[code]].draw(recording)
        pen = TTGlyphPen(None)
        recording.replay(TransformPen(pen, (scale, 0, 0, scale, 0, 0)))
        glyph, name = pen.glyph(dropImpliedOnCurves=False), f"added{code:04X}"
        cjk["glyf"][name] = glyph
        glyph.recalcBounds(cjk["glyf"])
        cjk["hmtx"][name] = (round(font["hmtx"][names[code]][0] * scale), getattr(glyph, "xMin", 0))
        added[code] = name
for table in cjk["cmap"].tables:
    if table.isUnicode():
        table.cmap.update({code: name for code, name in added.items() if table.format == 12 or code < 0x10000})
for record in cjk["name"].names:
    if record.nameID in (1, 3, 4, 6):
        record.string = "TreatySans" if record.nameID == 6 else "Treaty Sans"
    if record.nameID == 0:
        record.string = f"{record.toUnicode()} Changed: letters of Open Sans and signs of DejaVu Sans put in; scaled; hints left out."

out = io.BytesIO()
# The font's own date stays: the same input makes the same file.
cjk.recalcTimestamp = False
cjk.save(out)
with open(sys.argv[4], "wb") as file:
    file.write(brotli.compress(out.getvalue(), quality=11, lgwin=24))
