#!/usr/bin/env python3
"""Makes the PDFs of the examples out of the Typst sources beside them.

A link to `field:NAME` becomes the text field NAME, as large as the content of the link. Needs the Python packages
typst and pypdf, and the Debian package fonts-noto-cjk:

    make-templates.py loans/templates/loan.typ tenancy/*/*.typ
    cp loans/templates/loan.pdf nightly/templates/
"""

import io
import sys
from pathlib import Path

import typst
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, FloatObject, NameObject, TextStringObject

EXAMPLES = Path(__file__).parent
FONT_SIZE = "10.5"


def make(source):
    pdf = PdfWriter(clone_from=PdfReader(io.BytesIO(typst.compile(source, root=EXAMPLES))))
    fields = ArrayObject()
    for page in pdf.pages:
        for annotation in page.get("/Annots", []):
            link = annotation.get_object()
            address = link["/A"]["/URI"].original_bytes.decode() if "/A" in link else ""
            if not address.startswith("field:"):
                continue
            for key in ("/A", "/Border", "/Contents"):
                link.pop(key, None)
            link.update({
                NameObject("/Subtype"): NameObject("/Widget"),
                NameObject("/FT"): NameObject("/Tx"),
                NameObject("/T"): TextStringObject(address.removeprefix("field:")),
                NameObject("/DA"): TextStringObject(f"/Helv {FONT_SIZE} Tf 0 g"),
            })
            fields.append(annotation)
    # Readers that read the page aloud look for form fields, not for links.
    numbers = {field.idnum for field in fields}
    for element in pdf._objects:
        if isinstance(element, DictionaryObject) and element.get("/S") == "/Link":
            contents = [kid.get_object() for kid in element.get("/K", [])]
            if any(isinstance(kid, DictionaryObject) and kid.raw_get("/Obj").idnum in numbers for kid in contents):
                element[NameObject("/S")] = NameObject("/Form")
    if fields:
        helvetica = pdf._add_object(DictionaryObject({
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
            NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
        }))
        fonts = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/Helv"): helvetica})})
        pdf._root_object[NameObject("/AcroForm")] = DictionaryObject({
            NameObject("/Fields"): fields,
            NameObject("/DR"): fonts,
            NameObject("/DA"): TextStringObject(f"/Helv {FONT_SIZE} Tf 0 g"),
        })
    pdf.pdf_header = "%PDF-1.7"
    # Typst lays the pages out; pypdf would name itself.
    pdf.add_metadata({"/Producer": pdf.metadata["/Creator"]})
    pdf.write(Path(source).with_suffix(".pdf"))


for source in sys.argv[1:]:
    make(source)
