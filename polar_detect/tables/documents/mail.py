"""The text of a mail: its subject, sender, date and body, what it quotes apart.

Attachments are not opened.
"""

import email
import email.policy
import re
import struct
from datetime import datetime
from email.message import EmailMessage
from typing import Any, BinaryIO

from polar_detect.errors import InputError
from polar_detect.tables.documents.document import Document, one_line, tidied
from polar_detect.tables.documents.html import page
from polar_detect.tables.documents.plain_text import decoded

# What mail programs write above a mail that is answered or passed on, with all that stands below.
_FROM = r"(?:from|von|de|差出人|送信元)[ \t]*[:：]"
_SENT = r"(?:sent|date|gesendet|datum|envoyé|送信日時|日時)[ \t]*[:：]"
_ABOVE_OTHER = re.compile(
    r"(?m)^[ \t]*(?:-{2,}[ \t]*(?:original message|forwarded message|ursprüngliche nachricht"
    r"|message d'origine|元のメッセージ|転送メッセージ)[ \t]*-{2,}"
    rf"|{_FROM}[^\n]+\n+(?:[^\n]+\n+){{0,2}}[ \t]*{_SENT})",
    re.IGNORECASE,
)
_INTRODUCES = re.compile(r"[:：]\s*$")  # On Monday Ann wrote:
_BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error)
_ATTACHED = "attachments of mails are not read"


def mail(file: BinaryIO, name: str) -> Document:
    """Return what a mail (.eml) says; `name` is for messages.

    Raises
    ------
    InputError
        It is no mail.
    """
    try:
        message = email.message_from_binary_file(file, policy=email.policy.default)
        is_mail = isinstance(message, EmailMessage) and {"from", "date", "subject"} & {
            own.lower() for own in message
        }
        if not is_mail:
            raise _no_mail(name)
        body = message.get_body(("plain", "html"))
        date = message["date"]
        return _document(
            _body(body, name),
            subject=message["subject"],
            sender=message["from"],
            date=None if date is None else date.datetime,
            has_attachments=any(True for _ in message.iter_attachments()),
        )
    except InputError:
        raise
    except _BROKEN as error:  # as Python's parser answers headers and parts that are damaged
        raise _no_mail(name) from error


def outlook_mail(file: BinaryIO, name: str) -> Document:
    """Return what a mail of Outlook (.msg) says; `name` is for messages.

    Raises
    ------
    InputError
        It is no mail.
    """
    from oxmsg import Message  # of the extra `documents`

    try:
        message = Message.load(file)
        return _document(
            tidied(message.body or page(message.html_body or "").text),
            subject=message.subject,
            sender=message.sender,
            date=message.sent_date,
            has_attachments=message.attachment_count > 0,
        )
    except (*_BROKEN, OSError) as error:  # as it answers files that are damaged
        raise _no_mail(name) from error


def _no_mail(name: str) -> InputError:
    return InputError(
        f"Got {name}, which is no mail that can be read; expected one with its headers, as mail "
        "programs save it; save it again."
    )


def _body(body: Any, name: str) -> str:
    if body is None:
        return ""
    content = body.get_payload(decode=True) or b""
    text = decoded(content, name, said=body.get_content_charset()).text
    return page(text).text if body.get_content_subtype() == "html" else tidied(text)


def _document(
    body: str, *, subject: Any, sender: Any, date: datetime | None, has_attachments: bool
) -> Document:
    own, quoted = parted(body)
    return Document(
        own,
        title=one_line(subject),
        author=one_line(sender),
        date=None if date is None else date.strftime("%Y-%m-%d %H:%M:%S"),
        quoted=quoted or None,
        notices=(_ATTACHED,) if has_attachments else (),
    )


def parted(body: str) -> tuple[str, str]:
    r"""Return what a mail says itself, and what it quotes; a mail of quotes alone says these.

    >>> parted("Agreed.\n\nOn Monday Ann wrote:\n> Shall we stop?\n\nBob")
    ('Agreed.\n\nBob', 'On Monday Ann wrote:\n> Shall we stop?')
    """
    found = _ABOVE_OTHER.search(body)
    end = len(body) if found is None else found.start()
    lines = body[:end].split("\n")
    are_quotes = [line.lstrip().startswith(">") for line in lines]
    for i in range(1, len(lines)):
        if are_quotes[i] and not are_quotes[i - 1]:
            above = i - 1 if lines[i - 1].strip() else max(0, i - 2)
            are_quotes[above] |= _INTRODUCES.search(lines[above]) is not None
    kept = tidied("\n".join(line for line, own in zip(lines, are_quotes, strict=True) if not own))
    quotes = "\n".join(line for line, own in zip(lines, are_quotes, strict=True) if own)
    whole = tidied(f"{quotes}\n\n{body[end:]}")
    return (kept, whole) if kept else (whole, "")
