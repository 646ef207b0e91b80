"""Refuses files in the browser, before gradio does."""
from __future__ import annotations
import json
from collections.abc import Iterable

# Gradio puts the name of a file that it refuses into the page as HTML. This
# writes it as text, and does not begin to send a file of 4 GB either.
_SCRIPT = """
(() => {
  const MOST = %(most)d, SUFFIXES = %(suffixes)s;
  const megabytes = size => (size / 1048576).toLocaleString(
      'en', {maximumFractionDigits: 1});
  const problem = file => {
    const name = file.name.toLowerCase();
    if (!SUFFIXES.some(suffix => name.endsWith(suffix)))
      return `${file.name} is none of ${SUFFIXES.join(', ')}.`;
    if (file.size > MOST)
      return `${file.name} has ${megabytes(file.size)} MB, more than ` +
          `${megabytes(MOST)} MB. Make it smaller.`;
  };
  const check = (event, files) => {
    const box = event.target.closest('[id$="-images"]');
    if (!box || !files) return;
    const problems = [...files].map(problem).filter(text => text);
    document.querySelector(`#${box.id}-refused [role=alert]`).textContent =
        problems.join('\\n');
    if (!problems.length) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    if (event.type === 'change') event.target.value = '';
  };
  // before the listeners of gradio
  document.addEventListener(
      'change', event => check(event, event.target.files), true);
  document.addEventListener(
      'drop', event => check(event, event.dataTransfer?.files), true);
})();
"""
# Of the element that says what was refused.
NOTE = '<p class="remark" role="alert"></p>'


def upload_script(max_bytes: int, suffixes: Iterable[str]) -> str:
    """A script for the head of the page.

    It looks at the files of elements whose ids end in ``-images``, and writes
    into :data:`NOTE` in the element with that id and ``-refused``.

    Args:
        max_bytes: Of a file that is taken.
        suffixes: Of its name, in small letters.
    """
    return '<script>' + _SCRIPT % dict(
        most=max_bytes, suffixes=json.dumps(sorted(suffixes))) + '</script>'
