"""Small documents of each format, as programs write them."""

import struct
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


def write_pdf(path, pages, *, trailer="", catalog="", turned=0):
    """Write a PDF of A4 pages: of each its lines as (left, bottom, text), 10 points of Courier.

    `turned` pages are written so that they show upright.
    """
    n = len(pages)
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(n))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
        f"<</Type/Pages/Kids[{kids}]/Count {n}/MediaBox[0 0 595 842]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>",
    ]
    for i, page in enumerate(pages):
        own = "".join(
            f"BT /F 10 Tf {_matrix(left, bottom, turned)} Tm ({_escaped(text)}) Tj ET\n"
            for left, bottom, text in page
        )
        objects += [
            f"<</Type/Page/Parent 2 0 R/Rotate {turned}/Contents {5 + 2 * i} 0 R"
            "/Resources<</Font<</F 3 0 R>>>>>>",
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


def _matrix(left, bottom, turned):
    """Return where text begins and runs on a page of A4, which is shown turned clockwise."""
    return {
        0: f"1 0 0 1 {left} {bottom}",
        90: f"0 1 -1 0 {595 - bottom} {left}",
        180: f"-1 0 0 -1 {595 - left} {842 - bottom}",
        270: f"0 -1 1 0 {bottom} {842 - left}",
    }[turned]


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


_FREE, _END, _TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_TEXT, _TIME = 0x1F, 0x40  # kinds of properties
_SUBJECT, _SENDER, _BODY, _SENT = 0x0037, 0x0C1F, 0x1000, 0x0039


def write_outlook_mail(path, text, subject="s", sender="a@b.c"):
    """Write a .msg, sent on 2 December 2026: a compound file of streams of 4 KiB and more."""
    sent = 134406774000000000  # tenths of microseconds since 1601
    texts = {_SUBJECT: subject, _SENDER: sender, _BODY: text}
    known = [(_TEXT, name, 0) for name in texts] + [(_TIME, _SENT, sent)]
    properties = b"".join(struct.pack("<HHIQ", *own[:2], 6, own[2]) for own in known)
    streams = {"__properties_version1.0": b"\0" * 32 + properties.ljust(4096, b"\0")} | {
        f"__substg1.0_{name:04X}001F": own.ljust(2100).encode("utf-16-le")
        for name, own in texts.items()
    }
    data, table, entries = [], [], [_entry("Root Entry", 5, child=1)]
    for i, (name, own) in enumerate(streams.items(), 1):
        after = i + 1 if i < len(streams) else _FREE
        entries.append(_entry(name, 2, after=after, start=len(table), n_bytes=len(own)))
        _put(own, data, table)
    start = len(table)
    _put(b"".join(entries), data, table)
    header = struct.pack("<16xHHHHH6xIIIIIIIIII", 62, 3, 0xFFFE, 9, 6, 0, 1, start, 0, 4096,
                         _END, 0, _END, 0, len(table))  # fmt: skip
    own_table = struct.pack(f"<{len(table) + 1}I", *table, _TABLE).ljust(512, b"\xff")
    whole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + header + b"\xff" * 432 + b"".join(data)
    path.write_bytes(whole + own_table)
    return path


def _put(stream, data, table):
    n = -(-len(stream) // 512)
    table += [*range(len(table) + 1, len(table) + n), _END]
    data.append(stream.ljust(512 * n, b"\0"))


def _entry(name, kind, *, after=_FREE, child=_FREE, start=_END, n_bytes=0):
    own = f"{name}\0".encode("utf-16-le")
    links = struct.pack("<HBBIII", len(own), kind, 1, _FREE, after, child)
    return own.ljust(64, b"\0") + links + struct.pack("<36xIQ", start, n_bytes)
