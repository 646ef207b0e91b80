"""A published model answers as the checkpoint does, or says what is wrong."""
from __future__ import annotations
import json
import shutil

import lavt_model
import numpy as np
import pytest
import sseg_model
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from text_folder import write_text_folder

from mmlangseg.apis import SemiRESInferencer, SSegInferencer
from mmlangseg.engine.model_folder import (ModelFolderError, pack_config,
                                           read_model_folder, unpack_config)
from mmlangseg.engine.model_source import open_model
from mmlangseg.engine.publish import publish_model
from mmlangseg.engine.training_parts import drop_training_parts

PIXELS = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)


def publish_lavt(folder, **changes):
    """Config, checkpoint and model folder of a small LAVT."""
    folder.mkdir(exist_ok=True)
    path = lavt_model.write_config(
        folder, model=lavt_model.model_config(folder, **changes))
    init_default_scope('mmseg')
    model = lavt_model.build(Config.fromfile(path).model)
    checkpoint = lavt_model.save_checkpoint(folder / 'best.pth', model)
    publish_model(Config.fromfile(path), checkpoint, folder / 'model')
    return path, checkpoint, folder / 'model'


@pytest.fixture(scope='module')
def lavt(tmp_path_factory):
    return publish_lavt(tmp_path_factory.mktemp('lavt'))


@pytest.fixture
def copied(lavt, tmp_path):
    """A copy of the folder, to be damaged."""
    return shutil.copytree(lavt[2], tmp_path / 'copy')


def assert_same_answers(config, checkpoint, folder):
    texts = ['The red dog left of a car', 'man']
    first = SemiRESInferencer(config, checkpoint, 'cpu')(PIXELS, texts)
    second = SemiRESInferencer(folder, device='cpu')(PIXELS, texts)
    assert any(result.mask.any() for result in first)
    for one, other in zip(first, second):
        assert (one.mask == other.mask).all()
        assert (one.score, one.box) == (other.score, other.box)
        assert one.unknown_words == other.unknown_words


def test_round_trip_of_sentences(lavt, tmp_path):
    config, checkpoint, folder = lavt
    (config.parent / 'words.txt').rename(config.parent / 'elsewhere.txt')
    try:  # the words are in the folder
        inferencer = SemiRESInferencer(folder, device='cpu')
    finally:
        (config.parent / 'elsewhere.txt').rename(config.parent / 'words.txt')
    saved = torch.load(checkpoint)['state_dict']
    for name, value in inferencer.model.state_dict().items():
        assert torch.equal(value, saved[name]), name
    assert_same_answers(config, checkpoint, folder)
    assert_same_answers(config, checkpoint,
                        shutil.copytree(folder, tmp_path / 'moved'))


def test_round_trip_of_classes(tmp_path):
    names = tmp_path / 'names.txt'
    names.write_text('cat; kitten\nred dog\n')
    path = sseg_model.write_config(
        tmp_path,
        model=sseg_model.model_config(
            tmp_path, vocabulary=str(names), background_threshold=0.3))
    init_default_scope('mmseg')
    model = sseg_model.build(Config.fromfile(path).model)
    checkpoint = sseg_model.save_checkpoint(tmp_path / 'best.pth', model)
    before = SSegInferencer(path, checkpoint, 'cpu')(PIXELS)
    publish_model(Config.fromfile(path), checkpoint, tmp_path / 'model')
    names.unlink()
    inferencer = SSegInferencer(str(tmp_path / 'model'), device='cpu')
    assert inferencer.model.vocabulary.prompt_names == (('cat', 'kitten'),
                                                        ('red dog', ))
    assert inferencer.model.pseudo_mask_generator is None
    published = json.loads((tmp_path / 'model/config.json').read_text())
    assert published['model']['pseudo_mask_generator'] is None
    after = inferencer(PIXELS)
    assert (before.labels == after.labels).all()
    assert (before.confidence == after.confidence).all()
    manifest = json.loads((tmp_path / 'model/mmlangseg.json').read_text())
    assert manifest['thresholds'] == {'model.background_threshold': 0.3}
    assert manifest['model'] == 'SSeg'
    # a wheel's own name may leave out +cpu or +cu130
    assert manifest['versions']['torch'] in (torch.__version__,
                                             torch.__version__.split('+')[0])
    assert manifest['versions'].keys() & {'mmengine', 'onedl-mmengine'}


def test_what_only_training_needs():
    start = dict(type='Pretrained', checkpoint='swin.pth')
    model = dict(
        type='LAVT',
        pseudo_mask_generator=1,
        backbone=dict(init_cfg=start),
        heads=[dict(init_cfg=start),
               dict(init_cfg=dict(type='Normal'))])
    drop_training_parts(model)
    assert model == dict(
        type='LAVT',
        pseudo_mask_generator=1,  # by which others divide images
        backbone=dict(init_cfg=None),
        heads=[dict(init_cfg=None),
               dict(init_cfg=dict(type='Normal'))])


def test_round_trip_of_scans(tmp_path):
    pytest.importorskip('mmdet3d')
    pytest.importorskip('spconv')
    import less_model

    from mmlangseg.apis import LESSInferencer
    steps = [
        dict(
            type='LoadPointsFromDict',
            coord_type='DEPTH',
            load_dim=6,
            use_dim=6,
            use_color=True),
        dict(type='GlobalAlignment', rotation_axis=2),
        dict(type='PackReferring3DInputs'),
    ]
    config = Config(
        dict(
            default_scope='mmdet3d',
            custom_imports=dict(imports=['mmlangseg.less']),
            model=less_model.model_config(tmp_path),
            optim_wrapper=dict(optimizer=dict(type='Adam')),
            test_dataloader=dict(
                dataset=dict(type='ScanReferDataset', pipeline=steps))))
    init_default_scope('mmdet3d')
    torch.save(
        dict(state_dict=less_model.build(config.model).state_dict()),
        tmp_path / 'a.pth')
    publish_model(config, tmp_path / 'a.pth', tmp_path / 'model')
    assert 'optim' not in (tmp_path / 'model/config.json').read_text()
    scan = np.random.default_rng(0).random((400, 6)).astype('f4')
    texts = ['the red chair', 'a door left of the table']
    first = LESSInferencer(config, tmp_path / 'a.pth', 'cpu')(scan, texts)
    second = LESSInferencer(tmp_path / 'model', device='cpu')(scan, texts)
    for one, other in zip(first, second):
        assert (one.mask == other.mask).all() and one.score == other.score


def test_pretrained_text_encoder(tmp_path):
    """Its name is on the hub, or a folder, that others do not have."""
    text = write_text_folder(
        tmp_path / 'text', pooling=dict(pooling_mode='mean'))
    path, checkpoint, folder = publish_lavt(
        tmp_path / 'run',
        text_encoder=dict(
            type='HuggingFaceTextEncoder',
            pretrained=str(text),
            config_overrides=dict(hidden_dropout_prob=0.3)))
    # trained on, so that the folder's weights are others than the hub's
    state = torch.load(checkpoint)['state_dict']
    state['text_encoder.encoder.embeddings.word_embeddings.weight'] += 1
    torch.save(dict(state_dict=state), checkpoint)
    publish_model(Config.fromfile(path), checkpoint, folder)
    before = SemiRESInferencer(path, checkpoint, 'cpu')(PIXELS, 'the red lamp')
    shutil.rmtree(text)
    inferencer = SemiRESInferencer(folder, device='cpu')
    encoder = inferencer.model.text_encoder
    assert encoder.pooling == 'mean' and encoder.max_length == 10
    assert encoder.encoder.config.hidden_dropout_prob == 0.3
    after = inferencer(PIXELS, 'the red lamp')
    assert (before[0].mask == after[0].mask).all()
    assert before[0].score == after[0].score
    extra = folder / 'tokenizer' / 'added_tokens.json'
    extra.write_text('{}')
    with pytest.raises(ModelFolderError, match='does not belong to the model'):
        read_model_folder(folder)
    extra.unlink()
    file = folder / 'tokenizer' / 'tokenizer_config.json'
    edit(file, lambda content: content.update(auto_map={}))
    with pytest.raises(ModelFolderError, match='names auto_map'):
        read_model_folder(folder)


def edit(path, change):
    """Change a JSON file, and its checksum in the manifest."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    from mmlangseg.engine.model_folder import describe_file
    folder = path.parent
    while not (folder / 'mmlangseg.json').is_file():
        folder = folder.parent
    if path.name != 'mmlangseg.json':
        name = path.relative_to(folder).as_posix()
        edit(folder / 'mmlangseg.json',
             lambda m: m['files'].update({name: describe_file(path)}))


@pytest.mark.parametrize('name', ['model.safetensors', 'config.json'])
@pytest.mark.parametrize(
    'damage, message',
    [(lambda data: data[:-100], 'bytes, not .* cut off'),
     (lambda data: data[:-9] + b'x' + data[-8:], 'was altered'),
     (lambda data: None, 'is missing')])
def test_damaged_files(copied, name, damage, message):
    path = copied / name
    data = damage(path.read_bytes())
    path.unlink() if data is None else path.write_bytes(data)
    with pytest.raises(ModelFolderError, match=f'{name}.* {message}') as error:
        SemiRESInferencer(copied, device='cpu')
    assert 'tools/publish_model.py' in str(error.value)


def test_damaged_manifests(copied):
    manifest = copied / 'mmlangseg.json'
    for change, message in [
        (lambda m: m.update(format=9), 'format=9, this version reads 1'),
        (lambda m: m.update(files=[], format=1), 'is damaged'),
        (lambda m: m.update(files={}), 'does not list config.json'),
        (lambda m: m.update(files={
            'config.json': 1,
            'model.safetensors': 1
        }), 'is damaged'),
        (lambda m: m['files'].update({
            'config.json': dict(bytes=1),
            '../x.json': 2
        }), "bytes, not 1|'../x.json' is not a path inside"),
    ]:
        edit(manifest, change)
        with pytest.raises(ModelFolderError, match=message):
            read_model_folder(copied)
    manifest.write_text('{"format": 1')
    with pytest.raises(ModelFolderError, match='mmlangseg.json is damaged'):
        read_model_folder(copied)
    manifest.unlink()
    with pytest.raises(ModelFolderError, match='is no model folder'):
        SemiRESInferencer(str(copied), device='cpu')


def set_in(*keys, value):

    def change(config):
        node = config
        for key in keys[:-1]:
            node = node[key]
        node[keys[-1]] = value

    return change


@pytest.mark.parametrize('keys, value, message', [
    (('model', 'type'), 'os.system', 'is no name of a registry'),
    (('model', 'type'), 'mmengine.dump', 'is a module or function'),
    (('model', 'type'), 'antigravity', 'is a module or function'),
    (('model', 'type'), 3, 'is no name'),
    (('model', '_scope_'), 'evil', 'is none of the libraries'),
    (('default_scope', ), 'evil', 'is none of the libraries'),
    (('custom_imports', 'imports'), ['evil'], "names 'evil', but only"),
    (('custom_imports', 'imports'), ['mmlangseg_evil'], 'but only packages'),
    (('custom_imports', ), ['os'], 'custom_imports must be a dict'),
    (('runner_type', ), 'Runner', 'runner_type has no place'),
    (('_base_', ), 'evil.py', '_base_ has no place'),
    (('test_dataloader', 'dataset', 'ann_file'), 'a.pkl', 'can hold code'),
    (('test_dataloader', 'dataset', 'ann_file'), 'a.YAML', 'can hold code'),
    (('model', 'text_encoder', 'auto_map'), dict(AutoModel='a--b.C'),
     'would run code'),
    (('test_dataloader', 'dataset', 'ann_file'), 'http://a/b', 'the network'),
    (('model', 'text_encoder', 'trust_remote_code'), True, 'would run code'),
])
def test_configs_that_would_run_code(copied, keys, value, message):
    edit(copied / 'config.json', set_in(*keys, value=value))
    with pytest.raises(ModelFolderError, match=message) as error:
        read_model_folder(copied)
    assert 'config.json' in str(error.value)
    assert 'only take the model from whom you trust' in str(error.value)


def test_what_is_published(lavt, tmp_path):
    config, checkpoint, folder = lavt
    mine = tmp_path / 'mine'
    mine.mkdir()
    (mine / 'thesis.txt').write_text('years')
    with pytest.raises(ValueError, match='mine exists and is no model folder'):
        publish_model(Config.fromfile(config), checkpoint, mine)
    assert (mine / 'thesis.txt').read_text() == 'years'
    # an interrupted one leaves the old folder, and nothing beside it
    before = sorted(folder.parent.iterdir())
    cfg = Config.fromfile(config)
    cfg.model.decode_head.norm_cfg = dict(type='BN', eps=torch.ones(1))
    with pytest.raises(ValueError, match='eps is a Tensor, not plain data'):
        publish_model(cfg, checkpoint, folder)
    other = lavt_model.save_checkpoint(tmp_path / 'other.pth',
                                       torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match='of another model'):
        publish_model(Config.fromfile(config), other, folder)
    assert sorted(folder.parent.iterdir()) == before
    read_model_folder(folder)
    cfg = Config.fromfile(config)
    cfg.custom_imports = dict(imports=['json', 'mmlangseg.semires'])
    with pytest.raises(ValueError, match="names 'json', but only"):
        publish_model(cfg, checkpoint, tmp_path / 'new')
    cfg = Config.fromfile(config)
    cfg.model.data_preprocessor.test_cfg = dict(size_file=str(config))
    with pytest.raises(ValueError, match='size_file=.* lies on this machine'):
        publish_model(cfg, checkpoint, tmp_path / 'new')
    assert not (tmp_path / 'new').exists()
    publish_model(Config.fromfile(config), checkpoint, folder)  # replaces it
    assert sorted(folder.parent.iterdir()) == before


def test_open_model(lavt):
    config, checkpoint, folder = lavt
    cfg, weights = open_model(
        str(folder), options={'model.eval_size': 'original'})
    assert cfg.model.eval_size == 'original'
    assert weights == str(folder / 'model.safetensors')
    assert isinstance(cfg.test_dataloader.dataset.pipeline[2]['scale'], tuple)
    assert open_model(config, None)[1] is None
    with pytest.raises(ValueError, match='tiny.py needs a checkpoint'):
        open_model(config)
    with pytest.raises(ValueError, match='a model folder, but a checkpoint'):
        open_model(folder, checkpoint)
    with pytest.raises(FileNotFoundError, match='none.py does not exist'):
        open_model('none.py')


def test_the_hub(lavt, monkeypatch):
    with pytest.raises(OSError, match='org/none is no file .* give its fold'):
        SemiRESInferencer('org/none', device='cpu')
    asked = {}

    def download(name, **options):
        asked.update(options, name=name)
        return str(lavt[2])

    monkeypatch.setattr('huggingface_hub.snapshot_download', download)
    cfg, weights = open_model('org/name@v1.0')
    assert cfg.model.type == 'LAVT'
    assert (asked['name'], asked['revision']) == ('org/name', 'v1.0')
    # nothing but data
    assert '*.py' not in asked['allow_patterns']


def test_no_connection(monkeypatch):
    """One request, and one line that says each thing once."""
    asked = []

    def refuse(url, timeout):
        asked.append((url, timeout))
        raise ConnectionError('no network')

    monkeypatch.setattr('huggingface_hub.get_hf_file_metadata', refuse)
    with pytest.raises(OSError, match='^org/none is no file') as error:
        open_model('org/none', takes='sentences')
    assert str(error.value).count('was not found') == 1
    (url, timeout), = asked
    assert 'org/none' in url and 0 < timeout <= 10


def test_public_model_of_the_cache(monkeypatch):
    """Without a connection it is known by what it has."""
    cached = {'config.json': '/cache/config.json'}
    monkeypatch.setattr('huggingface_hub.try_to_load_from_cache',
                        lambda name, file: cached.get(file))

    def read(name, takes):
        raise OSError('org/clipseg is no folder') from OSError('cut off')

    monkeypatch.setattr('mmlangseg.prompted.public_config', read)
    with pytest.raises(OSError, match='cut off') as error:
        open_model('org/clipseg', takes='classes')
    assert 'is no folder' not in str(error.value)


def test_pack_config(tmp_path):
    config = dict(
        a=[(1, 2.5), dict(b=((1, ), [True, None]))], c='x', d=float('inf'))
    packed, tuples = pack_config(config)
    assert tuples == ['a.0', 'a.1.b', 'a.1.b.0']
    packed = json.loads(json.dumps(packed))
    assert unpack_config(packed, tuples, [], tmp_path) == config
    moved = unpack_config(packed, [], ['c'], tmp_path)
    assert moved['c'] == str(tmp_path / 'x')
    with pytest.raises(ValueError, match='key 3 is not a name'):
        pack_config(dict(a={3: 4}))
    with pytest.raises(ValueError, match='a.0 is a type, not plain data'):
        pack_config(dict(a=[int]))
