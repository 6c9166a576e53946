"""Read chats, as services of language models log them: what the user said last is the text."""

from typing import Any

_ROLES = ("role", "from")  # the second in ShareGPT's form
_CONTENTS = ("content", "value")
_USERS = frozenset({"user", "human"})


def is_chat(value: object) -> bool:
    """Return whether a value is a list of messages, each with a role and a content.

    >>> is_chat([{"role": "user", "content": "hi"}]), is_chat([{"role": "user"}]), is_chat([])
    (True, False, False)
    """
    return isinstance(value, list) and bool(value) and all(map(_is_message, value))


def last_said(chat: object) -> str | None:
    """Return the last message of the user; None of what is no chat, or has none of theirs.

    >>> last_said([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}])
    'hi'
    """
    if not isinstance(chat, list) or not is_chat(chat):
        return None
    said = [_content(message) for message in chat if _value(message, _ROLES) in _USERS]
    return said[-1] if said else None


def _is_message(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(_value(value, _ROLES), str)
        and any(key in value for key in _CONTENTS)
    )


def _content(message: dict[str, Any]) -> str:
    """Return the text of a message; pictures and the like in it have none."""
    content = _value(message, _CONTENTS)
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _value(message: dict[str, Any], keys: tuple[str, str]) -> Any:
    return next((message[key] for key in keys if key in message), None)
