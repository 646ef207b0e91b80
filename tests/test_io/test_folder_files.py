"""Files of a folder that a user names."""
from mmlangseg.io.folder_files import list_files


def test_hidden_files_and_other_kinds_are_left_out(tmp_path):
    for name in ('b.png', 'a.PNG', '._b.png', 'c.txt', 'sub/d.png',
                 '.trash/e.png', 'sub/.trash/f.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('x')
    (tmp_path / 'folder.png').mkdir()

    def names(folder, deep):
        return [
            path.relative_to(folder).as_posix()
            for path in list_files(folder, {'.png'}, deep)
        ]

    assert names(tmp_path, False) == ['a.PNG', 'b.png']
    assert names(tmp_path, True) == ['a.PNG', 'b.png', 'sub/d.png']
    # a folder that the user names may be hidden itself
    assert names(tmp_path / '.trash', True) == ['e.png']
