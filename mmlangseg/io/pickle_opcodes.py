"""A look over the opcodes of a pickle before it is loaded."""
from __future__ import annotations
import pickletools

_NEWLINE, _COUNTED, _PUT, _FRAME, _STOP, _UNKNOWN = range(-1, -7, -1)
_COUNT_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_SPECIAL = dict(LONG_BINPUT=_PUT, FRAME=_FRAME, STOP=_STOP)
# Number of bytes of the argument, or how it is read, by opcode.
_ARGUMENTS = [_UNKNOWN] * 256
_COUNTS = {}
for _info in pickletools.opcodes:
    _code = ord(_info.code)
    _size = _info.arg.n if _info.arg else 0
    if _size in _COUNT_BYTES:
        _COUNTS[_code], _size = _COUNT_BYTES[_size], _COUNTED
    elif _size == pickletools.UP_TO_NEWLINE:
        _size = _NEWLINE
    _ARGUMENTS[_code] = _SPECIAL.get(_info.name, _size)
_LINES = {ord('c'): 2, ord('i'): 2}  # GLOBAL and INST: module and name


def check_opcodes(data: bytes) -> None:
    """Refuse a pickle that asks for more memory than it can fill.

    ``pickle`` takes memory for lengths and memo indices before it knows
    whether they are true: four damaged bytes cost up to 64 GB.

    Raises:
        ValueError: An opcode is unknown, cut off, or names a length or a
            place in the memo that is larger than the file.
    """
    position, end = 0, len(data)
    arguments = _ARGUMENTS
    while position < end:
        code = data[position]
        size = arguments[code]
        position += 1
        if size >= 0:  # nearly all of them
            position += size
        elif size == _STOP:
            return
        elif size == _NEWLINE:
            start = position
            for _ in range(_LINES.get(code, 1)):
                position = data.find(b'\n', position) + 1
                if not position:
                    raise ValueError('a line is cut off')
            if code == ord('p') and (position - start > 20
                                     or int(data[start:position]) > end):
                raise ValueError('a memo index is larger than the file')
        elif size == _COUNTED:
            width = _COUNTS[code]
            count = int.from_bytes(data[position:position + width], 'little')
            position += width + count
        elif size == _PUT:
            if int.from_bytes(data[position:position + 4], 'little') > end:
                raise ValueError('a memo index is larger than the file')
            position += 4
        elif size == _FRAME:
            if int.from_bytes(data[position:position + 8], 'little') > end:
                raise ValueError('a frame is larger than the file')
            position += 8
        else:
            raise ValueError(f'there is no opcode {code:#04x}')
    raise ValueError('it is cut off')
