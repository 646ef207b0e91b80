import sys
from pathlib import Path

import pytest
from pair_data import picture, write_tar

TOOLS = Path(__file__).resolve().parents[2] / 'tools' / 'sseg'
sys.path.insert(0, str(TOOLS))

import caption_words as tool  # noqa: E402

CAPTIONS = ('A dog, a dog.', "the man's dog", 'a CAT')
CONFIG = """
custom_imports = dict(imports=['mmlangseg.sseg'])
train_dataloader = dict(
    dataset=dict(
        type='ImageTextDataset',
        sources=[dict(type='TarSource', tars='*.tar', weight=2)],
        pipeline=[dict(type='LoadPairImage')]))
model = dict(
    vocabulary=dict(
        classes=['dog', 'cat', 'sofa', 'hot dog'],
        prompt_names=['dog', 'cat', ['sofa', 'a cat'], 'hot dog']))
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the tool on three captions and what is broken; gives what it
    prints, and the words."""
    monkeypatch.chdir(tmp_path)

    def run(*args, captions=CAPTIONS, config=CONFIG):
        members = []
        for i, caption in enumerate(captions):
            members += [(f'{i}.png', picture(i)),
                        (f'{i}.txt', caption.encode())]
        write_tar(Path('pairs.tar'), members)
        Path('config.py').write_text(config)
        monkeypatch.setattr(
            sys, 'argv', ['tool', 'config.py', 'words.txt', *map(str, args)])
        try:
            tool.main()
            stop = ''
        except SystemExit as error:
            stop = str(error)
        out = Path('words.txt')
        words = out.read_text().split() if out.is_file() else None
        captured = capsys.readouterr()
        return f'{captured.out} {stop} {captured.err}', words

    return run


def test_words(run):
    printed, words = run()
    assert words == [',', '.', 'a', 'cat', 'dog', "man's", 'the']
    assert '7 of 7 words' in printed and 'are broken' not in printed
    # a synonym will do, a part of a name will not
    assert '1 of 4 classes are not in these words: hot dog' in printed


def test_rare_words_are_left_out(run):
    """A word is counted once per caption, and a weight does not count."""
    printed, words = run('--min-count', 2)
    assert words == ['a', 'dog'] and '2 of 7 words' in printed
    assert '3 of 4 classes are not in these words: cat, sofa' in printed


def test_broken_captions_are_counted(run):
    printed, words = run(captions=(*CAPTIONS, '12 !'))
    assert '1 pairs are broken, the first: pairs.tar/3' in printed
    assert len(words) == 7


def test_one_clear_line_for_bad_input(run):
    assert 'must be at least 1' in run('--min-count', 0)[0]
    assert 'error: no word is in 9 captions' in run('--min-count', 9)[0]
    other = CONFIG.replace('sources', 'data_root="", indices')
    printed, words = run(config=other)
    assert 'error: ' in printed and 'not image-caption pairs' in printed
    assert words is None
