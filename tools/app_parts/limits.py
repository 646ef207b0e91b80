"""How much the image page takes, and checks of what is typed into it."""
from __future__ import annotations

MAX_UPLOAD_BYTES = 64 << 20  # of one image file
MAX_IMAGES = 32  # of one question
MAX_PIXELS = 1 << 25  # of one image; some 2 GB of memory while it is asked
MAX_SENTENCE = 1000  # characters
MAX_CLASS_TEXT = 20_000
MAX_CLASSES = 500


def check_sentence(text: object) -> str:
    """The sentence without blanks around it.

    Args:
        text: What the page sends.

    Raises:
        ValueError: It is empty, too long, or holds control characters.
    """
    sentence = text.strip() if isinstance(text, str) else ''
    if not sentence:
        raise ValueError('Type a sentence first, such as "the red cup".')
    if len(sentence) > MAX_SENTENCE:
        raise ValueError(
            f'The sentence has {len(sentence):,} characters, more than '
            f'{MAX_SENTENCE:,}: shorten it.')
    if not sentence.isprintable():
        raise ValueError('The sentence holds line breaks or control '
                         'characters: type it in one line.')
    return sentence


def check_threshold(value: object) -> float:
    """The probability that a slider says.

    Raises:
        ValueError: It is no number from 0 to 1.
    """
    if isinstance(value, (int, float)) and 0 <= value <= 1:
        return float(value)
    raise ValueError('The threshold must be a number from 0 to 1.')


def check_count(count: int) -> None:
    """Refuse questions about no image, or about too many.

    Raises:
        ValueError: There is none, or more than :data:`MAX_IMAGES`.
    """
    if not count:
        raise ValueError('Choose an image first: drop files into the box '
                         'above, or click on it.')
    if count > MAX_IMAGES:
        raise ValueError(f'{count} images are more than {MAX_IMAGES} at a '
                         'time: take some out.')
