"""Reads the event files of a directory and fails unless they hold what tensorboard_test.cc wrote.

By TensorBoard's own reader where the package is there, and always by the decoder below: bitwise CRC-32C, protobuf by
hand.
"""

import glob
import struct
import sys

EXPECTED = [
    ("loss/train", 0, 5.5),
    ("loss/train", 300, 0.25),
    ("validation/hit_rate@4", 10**12, -1.5),
    ("loss/train", 301, 0.125),
]


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    data = open(path, "rb").read()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == masked_crc(data[:8]), "checksum of a length"
        payload = data[12 : 12 + length]
        assert struct.unpack("<I", data[12 + length : 16 + length])[0] == masked_crc(payload), "checksum of a record"
        yield payload
        data = data[16 + length :]


def fields(message):
    """(number, value) of a protobuf message: integers, raw bytes of fixed and length-delimited fields."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or varint()
            yield key >> 3, message[at : at + size]
            at += size


def main():
    scalars = []
    for path in sorted(glob.glob(sys.argv[1] + "/*tfevents*")):
        events = [dict(fields(record)) for record in records(path)]
        assert events[0][3] == b"brain.Event:2" and struct.unpack("<d", events[0][1])[0] > 1.5e9
        for event in events[1:]:
            value = dict(fields(dict(fields(event[5]))[1]))
            scalars.append((value[1].decode(), event.get(2, 0), struct.unpack("<f", value[2])[0]))
    assert scalars == EXPECTED, scalars
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        print("no tensorboard package: read by the decoder of this test alone")
        return
    read = EventAccumulator(sys.argv[1]).Reload()
    for tag in {name for name, _, _ in EXPECTED}:
        assert [(e.step, e.value) for e in read.Scalars(tag)] == [(s, v) for name, s, v in EXPECTED if name == tag]
    print("read by TensorBoard")


main()
