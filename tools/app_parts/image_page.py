"""The page for images: sentences, and classes by name (gradio)."""
from __future__ import annotations
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gradio as gr

from mmlangseg.apis import SemiRESInferencer, SSegInferencer
from mmlangseg.io.images import SUFFIXES
from .addresses import page_url
from .answer_html import CSS, problem
from .class_box import parse_classes
from .gradio_settings import gradio_settings
from .guard import owner_of
from .limits import (MAX_IMAGES, MAX_SENTENCE, MAX_UPLOAD_BYTES, check_count,
                     check_sentence, check_threshold)
from .questions import Ask, about_classes, about_sentence, ask_all
from .routes import middleware, routes
from .session_files import SessionEndedError, SessionFiles
from .upload_script import NOTE, upload_script

MAX_WAITING = 64  # questions, of all sessions
_EMPTY = '<p>Answers will stand here.</p>'
_INTRO = ('<h1>MMLangSeg: images</h1><p>What you bring stays on the machine '
          'that this page runs on, and is deleted when you close the '
          'page.</p>')


class ImagePage:
    """Serves a page that asks models about images, until :meth:`stop`.

    Uploads and results lie in a folder of its own; a session's are deleted
    when it ends. Only the browser that has asked can fetch results.

    Args:
        refer: Is asked by sentences; None for no such tab.
        classes: Is asked by names of classes; None for no such tab.
        host: Address to listen at.
        port: Port to listen at.
        scan_url: Of the page for scans, which is linked.
        max_upload_bytes: Of one file.

    Attributes:
        url: Where the page is.

    Raises:
        ValueError: Both models are None.
        OSError: The port is in use.
    """

    def __init__(self,
                 refer: SemiRESInferencer | None = None,
                 classes: SSegInferencer | None = None,
                 host: str = '127.0.0.1',
                 port: int = 7860,
                 scan_url: str | None = None,
                 max_upload_bytes: int = MAX_UPLOAD_BYTES) -> None:
        if refer is None and classes is None:
            raise ValueError('the page needs a model: give refer or classes')
        self.refer = refer
        self.classes = classes
        self.scan_url = scan_url
        with ExitStack() as stack:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(
                    prefix='mmlangseg-images-', ignore_cleanup_errors=True))
            self.files = SessionFiles(Path(folder))
            stack.enter_context(gradio_settings(self.files.uploads, host))
            blocks = self._build()
            stack.callback(blocks.close, verbose=False)
            blocks.queue(max_size=MAX_WAITING).launch(
                # which puts it into URLs
                server_name=f'[{host}]' if ':' in host else host,
                server_port=port,
                max_file_size=max_upload_bytes,
                app_kwargs=dict(
                    routes=routes(self.files, scan_url),
                    middleware=middleware(self.files, host,
                                          MAX_IMAGES * max_upload_bytes)),
                css=CSS,
                head=upload_script(max_upload_bytes, SUFFIXES),
                # fonts of the machine
                theme=gr.themes.Default(
                    font=['system-ui', 'sans-serif'],
                    font_mono=['ui-monospace', 'monospace']),
                footer_links=[],
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                inbrowser=False,
                run_history=False,
                enable_monitoring=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False)
            self._stack = stack.pop_all()
        self.url = page_url(host, port)

    def stop(self) -> None:
        """Close the page and delete its files."""
        self._stack.close()

    def _build(self) -> gr.Blocks:
        link = '' if self.scan_url is None else \
            '<p><a href="scans" target="_blank">Scans are asked on another ' \
            'page</a></p>'
        with gr.Blocks(
                title='MMLangSeg: images',
                analytics_enabled=False,
                # uploads that no session has told of
                delete_cache=(600, 86400)) as blocks:
            gr.HTML(_INTRO + link)
            with gr.Tabs():
                if self.refer is not None:
                    with gr.Tab('Sentence'):
                        self._sentence_tab()
                if self.classes is not None:
                    with gr.Tab('Classes'):
                        self._classes_tab()
            blocks.unload(self._end_session)
        return blocks

    def _sentence_tab(self) -> None:
        with gr.Row():
            with gr.Column(scale=2):
                images = _image_box('sentence')
                sentence = gr.Textbox(
                    label='Sentence',
                    placeholder='the red cup on the left',
                    max_length=MAX_SENTENCE,
                    elem_id='sentence-text')
                button = gr.Button(
                    'Find it', variant='primary', elem_id='sentence-ask')
            with gr.Column(scale=3):
                answer = gr.HTML(_EMPTY, elem_id='sentence-answer')
        self._connect('sentence', images, answer,
                      [button.click, sentence.submit], [sentence],
                      self._ask_sentence)

    def _classes_tab(self) -> None:
        with gr.Row():
            with gr.Column(scale=2):
                images = _image_box('classes')
                names = gr.Textbox(
                    label='Classes',
                    info='Separated by commas, or one in each line; synonyms '
                    'behind a name, separated by ";".',
                    placeholder='sofa; couch, table, dog',
                    lines=4,
                    elem_id='classes-text')
                background = gr.Checkbox(
                    True,
                    label='Background: what no class is probable enough for',
                    elem_id='classes-background')
                threshold = gr.Slider(
                    0,
                    1,
                    self.classes.model.background_threshold,
                    step=0.01,
                    label='Threshold',
                    elem_id='classes-threshold')
                button = gr.Button(
                    'Divide', variant='primary', elem_id='classes-ask')
            with gr.Column(scale=3):
                answer = gr.HTML(_EMPTY, elem_id='classes-answer')
        self._connect('classes', images, answer, [button.click],
                      [names, background, threshold], self._ask_classes)

    def _connect(self, box: str, images: gr.File, answer: gr.HTML,
                 triggers: list, inputs: list,
                 ask: Callable[..., Iterator[str]]) -> None:
        """Let triggers ask about the images of a box."""

        def hold(values: Any, request: gr.Request) -> None:
            try:
                paths = self.files.uploaded(values)
            except ValueError:  # said when it is asked about
                paths = []
            self.files.hold(request.session_hash, box, paths)

        # gradio's preprocessing would leave an empty file for each image
        images.change(
            hold,
            images,
            preprocess=False,
            concurrency_limit=None,
            show_progress='hidden',
            api_visibility='private')
        gr.on(
            triggers,
            ask, [images, *inputs],
            answer,
            preprocess=False,
            concurrency_limit=1,
            concurrency_id='model',
            api_visibility='private')

    def _ask_sentence(
        self,
        values: Any,
        sentence: Any,
        request: gr.Request,
        progress: gr.Progress = gr.Progress()
    ) -> Iterator[str]:

        def read() -> Ask:
            return about_sentence(self.refer, check_sentence(sentence))

        yield from self._answers('sentence', values, read, request, progress)

    def _ask_classes(
        self,
        values: Any,
        names: Any,
        background: Any,
        threshold: Any,
        request: gr.Request,
        progress: gr.Progress = gr.Progress()
    ) -> Iterator[str]:

        def read() -> Ask:
            classes = parse_classes(names)
            enough = check_threshold(threshold) if background else None
            # what is wrong with them is said once, not for each image
            self.classes.choose(classes, enough)
            return about_classes(self.classes, classes, enough)

        yield from self._answers('classes', values, read, request, progress)

    def _answers(self, box: str, values: Any, read: Callable[[], Ask],
                 request: gr.Request, progress: gr.Progress) -> Iterator[str]:
        """The answers so far, as HTML, each time that there is one more."""
        session = request.session_hash
        try:
            paths = self.files.uploaded(values)
            check_count(len(paths))
            ask = read()
        except ValueError as error:
            yield problem(str(error))
            return
        self.files.begin(session, box)
        done = ''
        answers = ask_all(
            ask, paths,
            lambda: self.files.new_answer(session, box, owner_of(request)))
        try:
            for number in range(1, len(paths) + 1):
                progress((number - 1, len(paths)),
                         desc=f'image {number} of {len(paths)}',
                         unit='images')
                done += next(answers)
                yield done
        except SessionEndedError:
            return

    def _end_session(self, request: gr.Request) -> None:
        self.files.forget(request.session_hash)


def _image_box(name: str) -> gr.File:
    box = gr.File(
        label='Images',
        file_count='multiple',
        file_types=sorted(SUFFIXES),
        elem_id=f'{name}-images')
    gr.HTML(NOTE, elem_id=f'{name}-images-refused')
    return box
