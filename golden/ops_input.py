"""Inputs by hash, and the list of cases.  See make_ops.py."""
import json
import math
import os
import zlib

import numpy as np
import torch

TINY = 2.0 ** -127          # 4 eps of it is less than the smallest denormal: one rounding there
FAINT = 2e-30               # 4 eps of it is 1e-36: below, a float exp has under- or overflowed
SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def hash32(seed, n):
    """splitmix64 of (seed, index), its upper half.  tests/hash.h."""
    with np.errstate(over="ignore"):
        z = (np.uint64(seed) << np.uint64(32)) + np.arange(n, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(32)).astype(np.int64)


class Input:
    """fill: uniform (scale, add), int (-scale .. scale), bits, index (0 .. scale - 1), iota, flag, list."""

    def __init__(self, *shape, fill="uniform", type="f32", scale=1, add=0, patch=(), values=None):
        self.shape, self.fill, self.type, self.scale, self.add = shape, fill, type, scale, add
        self.patch, self.values = list(patch), values

    def make(self, seed):
        n = int(np.prod(self.shape))
        h = hash32(seed, n)
        if self.fill == "bits":
            if self.type == "f32":
                x = torch.from_numpy(h.astype(np.uint32).view(np.float32).copy())
            else:
                bits = (np.arange(n) * self.scale & 0xffff).astype(np.uint16).view(np.int16)
                x = torch.from_numpy(bits.copy()).view({"bf16": torch.bfloat16, "f16": torch.float16}[self.type])
        else:
            step = {"f32": 23, "bf16": 7, "f16": 10}.get(self.type, 0)
            v = {"uniform": lambda: ((h >> (31 - step)) * 2.0 ** -step - 1) * self.scale + self.add,
                 "int": lambda: h % (2 * self.scale + 1) - self.scale,
                 "index": lambda: h % self.scale,
                 "iota": lambda: np.arange(n) % self.scale,
                 "flag": lambda: (h % 4 != 0),
                 "list": lambda: np.array([SPECIAL.get(a, a) for a in self.values or []])}[self.fill]()
            x = torch.from_numpy(np.asarray(v, dtype=np.float64))
            kind = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16, "i32": torch.int32,
                    "u8": torch.uint8}[self.type]
            y = x.to(kind)
            if kind in (torch.bfloat16, torch.float16):
                assert torch.equal(y.double(), x), "a 16-bit input must be exact"
            x = y
        for i, value in self.patch:
            x[i] = SPECIAL.get(value, value)
        x = x.reshape(self.shape)
        return x.double() if x.is_floating_point() else x.long()

    def describe(self, name, seed):
        d = {"name": name, "type": self.type, "n": int(np.prod(self.shape)), "fill": self.fill, "seed": seed}
        for key, default in (("scale", 1), ("add", 0), ("patch", []), ("values", None)):
            if getattr(self, key) != default:
                d[key] = getattr(self, key)
        return d


cases, values, at = [], [], 0
shares = {}                 # op: PyTorch's own float32, its worst error as a share of the tolerance, and where


def case(op, name, f, sizes, number=0.0, compare="each", stride=1, **inputs):
    """f(inputs...) gives the wanted values, or (values, magnitudes) for "each"; every stride-th is stored."""
    global at
    seeds = {k: zlib.crc32(f"{op}/{name}/{k}".encode()) for k in inputs if inputs[k]}
    made = {k: (inputs[k].make(seeds[k]) if inputs[k] else None) for k in inputs}
    want = f(**made)
    d = {"op": op, "case": name, "sizes": sizes}
    if number:
        d["number"] = float(np.float32(number))
    d["in"] = [inputs[k].describe(k, seeds[k]) for k in inputs if inputs[k]]
    if compare == "each":
        check_float32(op, name, f, made, *want)
    parts = [want] if compare != "each" else list(want)
    kind = np.int32 if compare == "ints" else np.float32
    arrays = [p.detach().numpy().astype(kind).reshape(-1) for p in parts]
    assert len({a.size for a in arrays}) == 1, (op, name)
    d.update(compare=compare, n=int(arrays[0].size), at=at)
    if stride > 1:
        d["stride"] = stride
        arrays = [a[::stride] for a in arrays]
    at += sum(a.size for a in arrays)
    values.extend(a.astype("<i4" if kind is np.int32 else "<f4").tobytes() for a in arrays)
    cases.append(d)


def check_float32(op, name, f, made, want, magnitude):
    """A tolerance that PyTorch's float32 does not meet is wrong (docs/TOLERANCE.md)."""
    single = {k: v.float() if v is not None and v.is_floating_point() else v for k, v in made.items()}
    got, want = f(**single)[0].double().reshape(-1), want.float().double().reshape(-1)
    error, tolerance = (got - want).abs(), 4 * 2.0 ** -23 * magnitude.reshape(-1).double()
    same = (got == want) | (got.isnan() & want.isnan())
    share = torch.where(same, torch.zeros_like(error), error / tolerance).max().item()
    assert share <= 1, (op, name, share)
    shares[op] = max(shares.get(op, (0, "")), (share, name))


def linear_in(f, terms=1):
    """For an op that is a sum of products of its inputs: the magnitude is the sum of the |terms|.  terms:
    how many may each be rounded to a denormal."""
    def both(**x):
        return f(**x), f(**{k: (v.abs() if v is not None and v.is_floating_point() else v)
                            for k, v in x.items()}) + terms * TINY
    return both


def exactly(f):
    """Integers small enough that every order of summing gives the same float: no tolerance."""
    def both(**x):
        want = f(**x)
        return want, torch.zeros_like(want)
    return both


def save(folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "values.bin"), "wb") as f:
        f.write(b"".join(values))
    with open(os.path.join(folder, "cases.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(f"{len(cases)} cases, {at * 4} bytes of values; PyTorch's float32, error / tolerance:")
    for op, (share, name) in shares.items():
        print(f"  {op:20} {share:.2f}  {name}")
