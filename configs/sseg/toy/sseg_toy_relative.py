# S-Seg, tested with similarities relative to the longest feature of the
# image. Training is that of sseg_toy.py.
_base_ = './sseg_toy.py'

model = dict(similarity='relative')
