import pytest

from mmlangseg.io.annotations import AnnotationError, load_json, raise_faults


@pytest.mark.parametrize('content, message', [
    (b'{"a": [1,', 'a.json is not valid JSON: .*line 1 column 10'),
    (b'\xff', 'a.json is not UTF-8 text'),
    (b'[' * 100000, 'a.json is not valid JSON: .*recursion'),
    (b'9' * 5000, 'a.json is not valid JSON'),
])
def test_damaged_files(tmp_path, content, message):
    (tmp_path / 'a.json').write_bytes(content)
    with pytest.raises(AnnotationError, match=message):
        load_json(tmp_path / 'a.json')


def test_missing_file(tmp_path):
    with pytest.raises(
            FileNotFoundError, match='b.json does not exist. Make .* make.py'):
        load_json(tmp_path / 'b.json', made_by='make.py')
    (tmp_path / 'b.json').write_text('["ü"]', encoding='utf-8')
    assert load_json(tmp_path / 'b.json') == ['ü']
    (tmp_path / 'b.json').write_text('\ufeff[1]', encoding='utf-8')
    assert load_json(tmp_path / 'b.json') == [1]


@pytest.mark.parametrize('count', [1, 10, 13])
def test_faults_are_listed_up_to_ten(count):
    with pytest.raises(AnnotationError) as error:
        raise_faults('a.json', [f'row {i}' for i in range(count)])
    lines = str(error.value).splitlines()
    assert lines[0] == 'a.json:' and lines[1] == '  row 0'
    assert len(lines) == 1 + min(count, 10) + (count > 10)
    assert (lines[-1] == '  ... and 3 more') == (count == 13)
    raise_faults('a.json', [])
