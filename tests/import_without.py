"""Import modules where others are blocked; prints what that loaded of ours.

Arguments: names of what is blocked, and of what is to be imported, each with
commas between them.
"""
import importlib
import sys


class Blocker:
    """Lets modules seem not to be installed."""

    def __init__(self, names) -> None:
        self.names = set(names)

    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in self.names:
            raise ModuleNotFoundError(f'{name} is blocked', name=name)


if __name__ == '__main__':
    blocked, modules = (argument.split(',') for argument in sys.argv[1:])
    loaded = {name.split('.')[0] for name in sys.modules} & set(blocked)
    assert not loaded, f'{loaded} cannot be blocked any more'
    sys.meta_path.insert(0, Blocker(blocked))
    for name in modules:
        importlib.import_module(name)
    print(','.join(
        name for name in sys.modules if name.startswith('mmlangseg')))
