"""REFER's files from the files of others, equal to the native ones."""
import json
import pickle

import pytest
import refer_data
import scan_data

from mmlangseg.io.annotations import AnnotationError
from mmlangseg.semires.datasets import read_instances, read_refs, select_split
from mmlangseg.semires.datasets.refer_dialects import read_dialects

SPLITS = ('train', 'val', 'testA')


@pytest.fixture(scope='module')
def tool():
    return scan_data.load_converter('refer')


@pytest.fixture
def native(tmp_path):
    """Refs and instances of REFER, in a folder of that layout."""
    refs = [
        refer_data.make_ref(i, 100 + i, SPLITS[i % 3]) for i in range(1, 7)
    ]
    return refs, refer_data.make_instances(refs)


def seqtr(refs, instances):
    images = {image['id']: image for image in instances['images']}
    masks = {a['id']: a['segmentation'] for a in instances['annotations']}
    content = {split: [] for split in SPLITS}
    for ref in refs:
        image = images[ref['image_id']]
        content[ref['split']].append(
            dict(
                image_id=ref['image_id'],
                height=image['height'],
                width=image['width'],
                category_id=1,
                bbox=[0., 0., 1., 1.],
                mask=masks[ref['ann_id']],
                expressions=[s['sent'] for s in ref['sentences']]))
    return content


def coco(refs, instances, key='sentences'):
    by_id = {ref['ann_id']: ref for ref in refs}
    split = {ref['image_id']: ref['split'] for ref in refs}
    content = json.loads(json.dumps(instances))
    for image in content['images']:
        image['split'] = split[image['id']]
    for row in content['annotations']:
        row[key] = [s['sent'] for s in by_id[row['id']]['sentences']]
    content['annotations'].append(
        dict(id=99, image_id=101, segmentation=[[0, 0, 1, 1]]))
    return content


def parquet(path, refs, instances):
    pyarrow = pytest.importorskip('pyarrow', exc_type=ImportError)
    from pyarrow import parquet
    images = {image['id']: image for image in instances['images']}
    annotations = {a['id']: a for a in instances['annotations']}
    keys = 'sentences', 'ann_id', 'category_id', 'ref_id', 'split'
    rows = [
        dict({key: ref[key]
              for key in keys},
             raw_anns=json.dumps(annotations[ref['ann_id']]),
             raw_image_info=json.dumps(images[ref['image_id']]))
        for ref in refs
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def flat(folder):
    """All that a data set is, without ids that others do not have."""
    found = []
    refs_file = folder / 'refs(unc).p'
    for split in SPLITS:
        refs = select_split(read_refs(refs_file), split, refs_file)
        images, outlines = read_instances(folder / 'instances.json', refs)
        for ref in refs:
            found.append(
                (split, images[ref['image_id']], outlines[ref['ann_ids'][0]],
                 [s['text'] for s in ref['sentences']]))
    return found


def write_native(folder, refs, instances):
    folder.mkdir()
    (folder / 'refs(unc).p').write_bytes(pickle.dumps(refs))
    (folder / 'instances.json').write_text(json.dumps(instances))
    return flat(folder)


@pytest.mark.parametrize('form', ['seqtr', 'coco', 'caption', 'parquet'])
def test_forms(tool, native, tmp_path, capsys, form):
    expected = write_native(tmp_path / 'native', *native)
    source = tmp_path / 'source.json'
    if form == 'parquet':
        source = tmp_path / 'source.parquet'
        parquet(source, *native)
    else:
        content = seqtr(*native) if form == 'seqtr' else coco(
            *native, key='sentences' if form == 'coco' else 'caption')
        source.write_text(json.dumps(content))
    assert tool.main([str(source), str(tmp_path / 'out')]) == 0
    assert '6 objects, 18 sentences, 6 images' in capsys.readouterr().out
    assert flat(tmp_path / 'out') == expected
    if form == 'parquet':  # which keeps the ids
        refs = read_refs(tmp_path / 'out' / 'refs(unc).p')
        assert refs == read_refs(tmp_path / 'native' / 'refs(unc).p')


def test_one_id_of_two(native, tmp_path):
    """Else an expression would be of the image, or the object, of another."""
    path = tmp_path / 'source.json'

    def read(content):
        path.write_text(json.dumps(content))
        return read_dialects([(path, 'train')])

    content = coco(*native)
    content['images'][1]['id'] = content['images'][0]['id']
    with pytest.raises(AnnotationError, match='source.json: two .* id 101'):
        read(content)
    content = coco(*native)
    content['annotations'][1]['id'] = content['annotations'][0]['id']
    with pytest.raises(AnnotationError, match='objects are annotation 1: '):
        read(content)
    content = seqtr(*native)
    first, second = content['train'][:2]
    second['image_id'] = first['image_id']
    read(content)  # two objects of an image
    second['file_name'] = 'other.jpg'
    with pytest.raises(AnnotationError, match='103 is .* also other.jpg of'):
        read(content)


def test_rows_with_and_without_ids(native, tmp_path):
    """New ids are none of those that others have."""
    content = seqtr(*native)
    content['train'][0].update(ann_id=1, ref_id=2)
    content['val'][0]['expressions'] = [dict(sent_id=3, sent='this')]
    path = tmp_path / 'source.json'
    path.write_text(json.dumps(content))
    refs, instances = read_dialects([(path, 'train')])
    outlines = {a['id']: a['segmentation'] for a in instances['annotations']}
    rows = [row for split in SPLITS for row in content[split]]
    assert [outlines[ref['ann_id']]
            for ref in refs] == [row['mask'] for row in rows]
    for key in ('ann_id', 'ref_id'):
        assert len({ref[key] for ref in refs}) == len(refs)
    sentences = [s['sent_id'] for ref in refs for s in ref['sentences']]
    assert len(set(sentences)) == len(sentences) == 16


@pytest.mark.parametrize('damage', ['cut', 'page', 'text'])
def test_damaged_parquet(native, tmp_path, damage):
    """pyarrow raises errors of several kinds, none of which names the file."""
    path = tmp_path / 'source.parquet'
    parquet(path, *native)
    content = path.read_bytes()
    if damage == 'cut':
        content = content[:-9]
    elif damage == 'page':  # the header of the first page, behind the magic
        content = content[:4] + b'\xff' * 12 + content[16:]
    else:  # a letter of the names of the columns
        content = content.replace(b'raw_anns', b'raw_\xffnns')
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match='source.parquet'):
        read_dialects([(path, 'train')])


def test_files_of_splits(tool, native, tmp_path):
    """Roboflow numbers each split anew, and an image may have both."""
    refs, instances = native
    expected = write_native(tmp_path / 'native', *native)
    sources = []
    for split in SPLITS:
        chosen = [ref for ref in refs if ref['split'] == split]
        content = coco(chosen, refer_data.make_instances(chosen), 'caption')
        content['annotations'].pop()
        for number, image in enumerate(content['images']):
            del image['split']
            for row in content['annotations']:
                if row['image_id'] == image['id']:
                    row.update(id=number, image_id=number)
            image['id'] = number
        path = tmp_path / f'{split}.json'
        path.write_text(json.dumps(content))
        sources.append(f'{split}={path}')
    assert tool.main([*sources, str(tmp_path / 'out')]) == 0
    assert flat(tmp_path / 'out') == expected


@pytest.mark.parametrize('content, message', [
    ([], 'is neither COCO JSON with sentences nor'),
    (dict(train=[]), 'has no expression'),
    (dict(train=[3]), 'entry 0: it is a int'),
    (dict(train=[dict(image_id=1, expressions=['a'], mask=[])]),
     'entry 0: "height" is None'),
    (dict(
        train=[dict(image_id=1, height=9, width=9, expressions=[''], mask=[])
               ]), 'a sentence is None, not text'),
    (dict(train=[
        dict(image_id=1, height=9, width=9, expressions='a', mask=[[1, 2]])
    ]), '"segmentation": there is no polygon'),
    (dict(images=[], annotations=[dict(image_id=1)]),
     'an annotation is of an image that is not in "images"'),
])
def test_wrong_files(tool, tmp_path, capsys, content, message):
    path = tmp_path / 'source.json'
    path.write_text(json.dumps(content))
    assert tool.main([str(path), str(tmp_path / 'out')]) == 1
    assert message in capsys.readouterr().err


def test_parquet_of_other_columns(tool, tmp_path, capsys):
    pyarrow = pytest.importorskip('pyarrow', exc_type=ImportError)
    from pyarrow import parquet
    path = tmp_path / 'source.parquet'
    parquet.write_table(pyarrow.table(dict(ref_id=[1])), path)
    assert tool.main([str(path), str(tmp_path / 'out')]) == 1
    assert 'has no column "ann_id"' in capsys.readouterr().err
    path.write_bytes(b'PAR1 no')
    assert tool.main([str(path), str(tmp_path / 'out')]) == 1
    assert 'is not a whole Parquet file' in capsys.readouterr().err
