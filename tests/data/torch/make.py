"""Small files of torch.save in every form, and the same tensors as safetensors (PyTorch 1.13, safetensors 0.4).
python make.py, in this folder."""
import collections, io, struct, zipfile
import torch
from safetensors.torch import save_file

torch.manual_seed(5)
base = torch.randn(4, 6)
t = collections.OrderedDict()
t["f32"] = base
t["tied"] = base[1:3]                       # shares base's storage, starts inside it
t["turned"] = base.t()                      # strides (1, 6)
t["column"] = base[:, 2]
t["spread"] = torch.randn(3, 1).expand(3, 5)    # a stride of 0
t["f16"] = torch.randn(7).half()
t["f16_edges"] = torch.tensor([0., -0., 65504., 5.96e-8, 6.1e-5, float("inf"), -float("inf")]).half()
t["bf16"] = torch.randn(2, 3, 1, 2).bfloat16()
t["f64"] = torch.randn(5, dtype=torch.float64)
t["i64"] = torch.arange(-3, 5)
t["i32"] = torch.arange(-2, 2, dtype=torch.int32)
t["i16"] = torch.tensor([-32768, 7, 32767], dtype=torch.int16)
t["i8"] = torch.tensor([-128, 0, 127], dtype=torch.int8)
t["u8"] = torch.tensor([0, 200, 255], dtype=torch.uint8)
t["bool"] = torch.tensor([True, False, True])
t["scalar"] = torch.tensor(2.5)
t["empty"] = torch.zeros(0, 3)
t["parameter"] = torch.nn.Parameter(torch.randn(3))
t["größe"] = torch.ones(1)

torch.save(t, "zip2.pt")
torch.save(t, "zip4.pt", pickle_protocol=4)
torch.save({"epoch": 3, "rate": 0.1, "note": "x", "none": None, "flags": [True, (1, 2 ** 40)],
            "state_dict": t, "other": {"a": 1}}, "wrapped.pt")
torch.save({"module": dict(t), "big": 2 ** 80}, "legacy2.pt", _use_new_zipfile_serialization=False)
torch.save(t, "legacy4.pt", _use_new_zipfile_serialization=False, pickle_protocol=4)
net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
torch.save(net.state_dict(), "metadata.pt")     # an OrderedDict with a state of its own


def zip64(path, entries):
    """All 32-bit sizes and offsets full, the true ones in zip64 fields."""
    out, directory, F = io.BytesIO(), b"", 0xffffffff
    for name, data in entries:
        at, name = out.tell(), name.encode()
        crc = zipfile.crc32(data)
        extra = struct.pack("<HHQQ", 1, 16, len(data), len(data))
        out.write(struct.pack("<IHHHHHIIIHH", 0x04034b50, 45, 0, 0, 0, 0, crc, F, F, len(name), len(extra)) + name + extra)
        out.write(data)
        extra = struct.pack("<HHHHHQQQ", 0x7777, 2, 9, 1, 24, len(data), len(data), at)
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014b50, 45, 45, 0, 0, 0, 0, crc, F, F, len(name), len(extra),
                                 0, 0, 0, 0, F) + name + extra
    at = out.tell()
    out.write(directory)
    end = out.tell()
    out.write(struct.pack("<IQHHIIQQQQ", 0x06064b50, 44, 45, 45, 0, 0, len(entries), len(entries), len(directory), at))
    out.write(struct.pack("<IIQI", 0x07064b50, 0, end, 1))
    out.write(struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 0xffff, 0xffff, F, F, 0))
    open(path, "wb").write(out.getvalue())


z = zipfile.ZipFile("zip2.pt")
zip64("zip64.pt", [(i.filename, z.read(i)) for i in z.infolist()])
with zipfile.ZipFile("compressed.pt", "w", zipfile.ZIP_DEFLATED) as c:
    for i in z.infolist(): c.writestr(i.filename, z.read(i))

kept = {torch.float64: torch.float32, torch.int16: torch.int32, torch.int8: torch.int32, torch.bool: torch.uint8}
save_file({k: v.detach().to(kept.get(v.dtype, v.dtype)).contiguous().clone() for k, v in t.items()}, "expected.safetensors")
