import torch
from toy.text_model import write_text_model
from transformers import AutoModel, AutoTokenizer, RobertaModel


def test_loads_like_any_checkpoint(tmp_path):
    folder = tmp_path / 'text_model'
    write_text_model(folder, ['the red chair .', 'a blue bin , behind it .'])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    assert isinstance(model, RobertaModel)
    batch = tokenizer(['The blue CHAIR.', 'a zebra'],
                      padding=True,
                      return_tensors='pt')
    words = tokenizer.convert_ids_to_tokens(batch['input_ids'][0])
    assert words == ['<s>', 'the', 'blue', 'chair', '.', '</s>']
    words = tokenizer.convert_ids_to_tokens(batch['input_ids'][1])
    assert words == ['<s>', 'a', '<unk>', '</s>', '<pad>', '<pad>']
    assert batch['attention_mask'].sum(1).tolist() == [6, 4]
    out = model(**batch).last_hidden_state
    assert out.shape == (2, 6, 128) and torch.isfinite(out).all()
    assert sorted(p.name for p in tmp_path.iterdir()) == ['text_model']


def test_truncates_at_the_limit(tmp_path):
    write_text_model(tmp_path, ['the chair'], hidden_size=8, num_layers=1)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    batch = tokenizer(['chair ' * 500], truncation=True, return_tensors='pt')
    model = AutoModel.from_pretrained(tmp_path)
    assert model(**batch).last_hidden_state.shape == (1, 128, 8)


def test_seeded(tmp_path):
    weights = []
    for name, seed in (('a', 0), ('b', 0), ('c', 1)):
        state = torch.get_rng_state()
        write_text_model(
            tmp_path / name, ['x y'], hidden_size=8, num_layers=1, seed=seed)
        assert torch.equal(state, torch.get_rng_state())
        model = AutoModel.from_pretrained(tmp_path / name)
        weights.append(model.embeddings.word_embeddings.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
