"""Questions about images: read them, ask the model, write its answers."""
from __future__ import annotations
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mmlangseg.apis import (SemiRESInferencer, SSegInferencer,
                            write_image_results, write_semantic_result)
from mmlangseg.io.images import decode_image
from .answer_html import classes_answer, problem, sentence_answer
from .limits import MAX_PIXELS
from .session_files import Answer

# Name of the image's file, pixels, and where results go; gives HTML.
Ask = Callable[[str, np.ndarray, Answer], str]


def about_sentence(model: SemiRESInferencer, sentence: str) -> Ask:
    """Ask what a sentence refers to."""

    def ask(name: str, pixels: np.ndarray, answer: Answer) -> str:
        results = model(pixels, sentence)
        write_image_results(answer.folder, Path(name).stem, pixels, results)
        return sentence_answer(name, answer.token, results[0])

    return ask


def about_classes(model: SSegInferencer, classes: dict,
                  threshold: float | None) -> Ask:
    """Ask which classes are where.

    Args:
        model: Is asked.
        classes: Of :func:`app_parts.class_box.parse_classes`.
        threshold: See :class:`SSegInferencer`.
    """

    def ask(name: str, pixels: np.ndarray, answer: Answer) -> str:
        result = model(pixels, classes, threshold=threshold)
        write_semantic_result(answer.folder, Path(name).stem, pixels, result)
        return classes_answer(name, answer.token, result)

    return ask


def ask_all(ask: Ask, paths: Sequence[Path],
            new_answer: Callable[[], Answer]) -> Iterator[str]:
    """Ask about images one after the other.

    Args:
        ask: Asks about one.
        paths: Files of the images. One that cannot be used does not keep the
            others from being asked about.
        new_answer: Makes a folder for the results of one.

    Yields:
        str: HTML of one image.
    """
    for path in paths:
        try:
            pixels = decode_image(
                path.read_bytes(), 'it', max_pixels=MAX_PIXELS)
            yield ask(path.name, pixels, new_answer())
        except FileNotFoundError:
            yield problem('The file is no longer here: choose it again.',
                          path.name)
        except ValueError as error:
            yield problem(f'{error}', path.name)
        except (RuntimeError, MemoryError, OSError):
            # what it says may name files of this machine
            traceback.print_exc(file=sys.stderr)
            yield problem(
                'The model failed on this image; the terminal that the page '
                'was started in says why.', path.name)
