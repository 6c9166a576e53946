"""Small documents of each format, as programs write them."""

import zipfile
from email.message import EmailMessage
from itertools import accumulate

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"


def write_word(path, body, **parts):
    """Write a .docx of the XML of a body, and of other parts by the names of their files."""
    relation = f'<Relationship Id="r" Type="{_RELATION}" Target="word/document.xml"/>'
    whole = f'<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", f"<Relationships>{relation}</Relationships>")
        archive.writestr("word/document.xml", whole)
        for name, inside in parts.items():
            archive.writestr(f"word/{name}.xml", f'<w:n xmlns:w="{_WORD}">{inside}</w:n>')
    return path


def words(text, marks=""):
    """Return the XML of a paragraph."""
    return f"<w:p>{marks}<w:r><w:t>{text}</w:t></w:r></w:p>"


def write_pdf(path, pages, trailer=""):
    """Write a PDF of A4 pages: of each its lines as (left, bottom, text), 10 points of Courier."""
    n = len(pages)
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(n))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {n}/MediaBox[0 0 595 842]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>",
    ]
    for i, page in enumerate(pages):
        own = "".join(
            f"BT /F 10 Tf 1 0 0 1 {left} {bottom} Tm ({_escaped(text)}) Tj ET\n"
            for left, bottom, text in page
        )
        objects += [
            f"<</Type/Page/Parent 2 0 R/Resources<</Font<</F 3 0 R>>>>/Contents {5 + 2 * i} 0 R>>",
            f"<</Length {len(own)}>>stream\n{own}endstream",
        ]
    written = [f"{i} 0 obj{own}\nendobj\n".encode("cp1252") for i, own in enumerate(objects, 1)]
    head = b"%PDF-1.4\n"
    places = [*accumulate(map(len, written), initial=len(head))]
    table = "".join(f"{place:010} 00000 n \n" for place in places[:-1])
    end = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer"
        f"<</Size {len(objects) + 1}/Root 1 0 R{trailer}>>\nstartxref\n{places[-1]}\n%%EOF"
    )
    path.write_bytes(head + b"".join(written) + end.encode())
    return path


def _escaped(text):
    return "".join(f"\\{sign}" if sign in "()\\" else sign for sign in text)


def write_mail(path, text, **headers):
    """Write a mail of plain text."""
    message = EmailMessage()
    for name, own in headers.items():
        message[name] = own
    message.set_content(text)
    path.write_bytes(bytes(message))
    return path
