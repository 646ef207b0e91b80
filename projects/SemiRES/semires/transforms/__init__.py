from .load_mask_candidates import LoadMaskCandidates

__all__ = ['LoadMaskCandidates']
