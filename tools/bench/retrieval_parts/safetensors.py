"""Safetensors in and out of numpy arrays, for float32 and int32."""
import json


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for values in tensors.values():
            values.tofile(file)


def read_safetensors(path):
    import numpy

    dtypes = {"F32": numpy.float32, "I32": numpy.int32}
    data = numpy.fromfile(path, numpy.uint8)
    size = int(data[:8].view(numpy.int64)[0])
    body = data[8 + size :]
    header = json.loads(data[8 : 8 + size].tobytes())
    return {
        name: body[entry["data_offsets"][0] : entry["data_offsets"][1]].view(dtypes[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }
