"""From the bytes of a caption to a line of text."""
from __future__ import annotations
import json

from .pair_source import BrokenPairError


def read_caption(key: str,
                 data: bytes,
                 *,
                 json_field: str | None = None) -> str:
    """Decode a caption.

    Args:
        key: Name of the pair, for errors.
        data: UTF-8 text, with or without byte order mark.
        json_field: The data are JSON, an object with the caption in this
            field.

    Raises:
        BrokenPairError: It is not UTF-8 or not such JSON, or has no letters.
    """
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise BrokenPairError(key, 'caption', f'is not UTF-8: {error}') \
            from None
    if json_field is not None:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BrokenPairError(key, 'caption', f'is not JSON: {error}') \
                from None
        text = take_field(key, content, json_field)
    return clean_caption(key, text)


def take_field(key: str, content: object, name: str) -> str:
    """The string in a field of an object from JSON.

    Raises:
        BrokenPairError: It has no such field, or no string in it.
    """
    if not isinstance(content, dict) or name not in content:
        found = list(content)[:8] if isinstance(content, dict) else content
        raise BrokenPairError(
            key, 'caption', f'file has no field "{name}", but {found!r:.200}')
    if not isinstance(content[name], str):
        raise BrokenPairError(
            key, 'caption',
            f'in field "{name}" is {content[name]!r:.40}, not a string')
    return content[name]


def clean_caption(key: str, text: str) -> str:
    """Put a caption on one line of valid Unicode.

    JSON may hold half of a character of two (``"\\ud83d"``), which cannot be
    written, nor read by a tokenizer; it becomes U+FFFD.

    Raises:
        BrokenPairError: There is no letter in it.
    """
    text = text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')
    text = ' '.join(text.split())
    if not any(character.isalpha() for character in text):
        raise BrokenPairError(key, 'caption', f'has no letters: {text!r:.40}')
    return text
