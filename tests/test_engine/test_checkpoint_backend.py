from __future__ import annotations
import os

import pytest
from mmengine.fileio import get_file_backend

from mmlangseg.engine import AtomicBackend, find_resume_checkpoint


@pytest.fixture
def backend() -> AtomicBackend:
    AtomicBackend._superseded.clear()
    return AtomicBackend()


class TestAtomicBackend:

    def test_configs_find_it_by_name(self):
        backend = get_file_backend(backend_args=dict(backend='atomic'))
        assert isinstance(backend, AtomicBackend)

    def test_put(self, backend, tmp_path):
        backend.put(b'new', tmp_path / 'run' / 'a.pth')
        assert backend.get(tmp_path / 'run' / 'a.pth') == b'new'
        assert os.listdir(tmp_path / 'run') == ['a.pth']

    def test_failed_write_keeps_all(self, backend, tmp_path, monkeypatch):
        backend.put(b'1', tmp_path / 'epoch_1.pth')
        backend.remove(tmp_path / 'epoch_1.pth')

        def fail(*args):
            raise OSError('no space left')

        monkeypatch.setattr('mmlangseg.io.files.os.replace', fail)
        with pytest.raises(OSError, match='no space'):
            backend.put(b'2', tmp_path / 'epoch_2.pth')
        assert os.listdir(tmp_path) == ['epoch_1.pth']

    def test_superseded_files_go_after_the_next_write(self, backend, tmp_path):
        backend.put(b'1', tmp_path / 'epoch_1.pth')
        AtomicBackend().remove(tmp_path / 'epoch_1.pth')  # as MMEngine does
        assert os.listdir(tmp_path) == ['epoch_1.pth']
        backend.put(b'2', tmp_path / 'epoch_2.pth')
        assert os.listdir(tmp_path) == ['epoch_2.pth']

    def test_written_again_is_not_superseded(self, backend, tmp_path):
        backend.put(b'1', tmp_path / 'best.pth')
        backend.remove(tmp_path / 'best.pth')
        backend.put(b'2', tmp_path / 'best.pth')
        backend.put(b'3', tmp_path / 'epoch_3.pth')
        assert backend.get(tmp_path / 'best.pth') == b'2'

    def test_leftovers_of_a_killed_run_go(self, backend, tmp_path):
        leftover = tmp_path / f'.epoch_1.{"0" * 32}.tmp.pth'
        other = tmp_path / f'.epoch_2.{"0" * 32}.tmp.pth'
        leftover.write_bytes(b'half')
        other.write_bytes(b'half')
        backend.put(b'1', tmp_path / 'epoch_1.pth')
        assert not leftover.exists()
        assert other.exists()


class TestFindResumeCheckpoint:

    def test_nothing_saved(self, tmp_path):
        assert find_resume_checkpoint(tmp_path / 'never') is None
        (tmp_path / 'best_mIoU_epoch_3.pth').touch()  # without optimizer
        assert find_resume_checkpoint(tmp_path) is None

    def test_follows_the_pointer(self, tmp_path):
        for epoch in (1, 2):
            (tmp_path / f'epoch_{epoch}.pth').touch()
        pointed = str(tmp_path / 'epoch_1.pth')
        (tmp_path / 'last_checkpoint').write_text(pointed)
        assert find_resume_checkpoint(tmp_path) == pointed

    def test_checkpoints_in_another_folder(self, tmp_path):
        """As CheckpointHook(out_dir=...) writes them."""
        for folder in ('run', 'disk'):
            (tmp_path / folder).mkdir()
        saved = tmp_path / 'disk' / 'epoch_2.pth'
        saved.touch()
        (tmp_path / 'run' / 'last_checkpoint').write_text(str(saved))
        assert find_resume_checkpoint(tmp_path / 'run') == str(saved)
        (tmp_path / 'disk' / 'last_checkpoint').touch()  # of another run
        assert find_resume_checkpoint(tmp_path / 'run') is None

    def test_a_copied_run_goes_its_own_way(self, tmp_path):
        for run in ('a', 'b'):
            (tmp_path / run).mkdir()
            (tmp_path / run / 'epoch_1.pth').touch()
            (tmp_path / run / 'last_checkpoint').write_text(
                str(tmp_path / 'a' / 'epoch_1.pth'))
        assert find_resume_checkpoint(tmp_path / 'b') == str(tmp_path / 'b' /
                                                             'epoch_1.pth')

    @pytest.mark.parametrize('pointer', ['', '/moved/epoch_11.pth'])
    def test_newest_where_the_pointer_is_broken(self, tmp_path, pointer):
        for epoch in (2, 9, 10):
            (tmp_path / f'epoch_{epoch}.pth').touch()
        (tmp_path / 'last_checkpoint').write_text(pointer)
        assert find_resume_checkpoint(tmp_path) == str(tmp_path /
                                                       'epoch_10.pth')
