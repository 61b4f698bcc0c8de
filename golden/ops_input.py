"""Inputs by hash, and the list of cases.  See make_ops.py."""
import json
import math
import os
import zlib

import numpy as np
import torch

TINY = 2.0 ** -127          # 4 eps of it is less than the smallest denormal: one rounding there
FAINT = 2e-30               # 4 eps of it is 1e-36: below, a float exp has under- or overflowed
BLOCK = {"q8_0": (34, 32), "q4_0": (18, 32), "q4_1": (20, 32),                  # bytes, elements
         "q4_K": (144, 256), "q5_K": (176, 256), "q6_K": (210, 256)}
SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def hash32(seed, n):
    """splitmix64 of (seed, index), its upper half.  tests/hash.h."""
    with np.errstate(over="ignore"):
        z = (np.uint64(seed) << np.uint64(32)) + np.arange(n, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(32)).astype(np.int64)


def quantised(kind, fill, seed, n):
    """n elements of a quantised type in blocks made by the hash; as float64, and their magnitudes: |d q|, |d q| + |m|."""
    size, each = BLOCK[kind]
    h = hash32(seed, n // each * size).reshape(-1, size)
    data = (h & 255).astype(np.uint8)
    first = 208 if kind == "q6_K" else 0
    for at, ours in ((first, 0x3c00), (2, 0xc700))[:2 if kind in ("q4_1", "q4_K", "q5_K") else 1]:
        half = (0x2400 + h[:, at] % 0x1800) | h[:, at] >> 31 << 15
        data[:, at:at + 2] = (half if fill == "blocks" else 0 * half + ours).astype("<u2").view(np.uint8).reshape(-1, 2)
    if each == 256:
        if fill == "whole":             # scales and minima of 0 to 3: weights that bfloat16 holds exactly, too
            data[:, slice(192, 208) if kind == "q6_K" else slice(4, 12)] &= 3
            if kind != "q6_K": data[:, 12:16] &= 0x33
        return quantised_k(kind, data)
    d, m = (torch.from_numpy(data[:, at:at + 2].copy().view("<f2").astype(np.float64)) for at in (0, 2))      # (blocks, 1)
    q = torch.from_numpy(data[:, 4 if kind == "q4_1" else 2:].astype(np.int64))
    if kind == "q8_0":
        q = torch.where(q > 127, q - 256, q)
    else:
        q = torch.cat([q % 16, q // 16], 1) - (8 if kind == "q4_0" else 0)
    x = d * q
    return (x + m, x.abs() + m.abs()) if kind == "q4_1" else (x, x.abs())


def quantised_k(kind, data):
    """The same of blocks of 256: |d s q|, or |d s q| + |e t|."""
    at = {"q4_K": (0, 2), "q5_K": (0, 2), "q6_K": (208, 208)}[kind]
    d, e = (data[:, a:a + 2].copy().view("<f2").astype(np.float64)[:, :, None] for a in at)     # (blocks, 1, 1)
    b = data.astype(np.int64)
    if kind == "q6_K":
        low, high = b[:, :128].reshape(-1, 2, 2, 32), b[:, 128:192].reshape(-1, 2, 32)          # (blocks, half, pair, 32)
        q = [low[:, :, r % 2] >> 4 * (r // 2) & 15 | (high >> 2 * r & 3) << 4 for r in range(4)]
        s = data[:, 192:208].view(np.int8).astype(np.float64)[:, :, None]
        x = torch.from_numpy(d * s * (np.stack(q, 2).reshape(-1, 16, 16) - 32))
        return x, x.abs()
    low = b[:, -128:].reshape(-1, 4, 1, 32)                                                     # (blocks, pair of parts, 32)
    q = np.concatenate([low & 15, low >> 4], 2).reshape(-1, 8, 32)
    if kind == "q5_K":
        q |= (b[:, 16:48][:, None, :] >> np.arange(8)[:, None] & 1) << 4
    a, t, c = (b[:, i:i + 4] for i in (4, 8, 12))
    s = np.concatenate([a & 63, c & 15 | a >> 6 << 4], 1)[:, :, None]
    t = np.concatenate([t & 63, c >> 4 | t >> 6 << 4], 1)[:, :, None]
    x, m = (torch.from_numpy(v) for v in (d * s * q, np.broadcast_to(e * t, q.shape).copy()))
    return x - m, x.abs() + m.abs()


class Input:
    """fill: uniform (scale, add), int (-scale .. scale), bits, index (0 .. scale - 1), iota, flag, list, or forward:
    what the forward slot gives for the other inputs; values(...) computes it here.  Of quantised types: blocks, or
    whole; what is made has its terms' magnitude as an attribute."""

    def __init__(self, *shape, fill="uniform", type="f32", scale=1, add=0, patch=(), values=None):
        self.shape, self.fill, self.type, self.scale, self.add = shape, fill, type, scale, add
        self.patch, self.values = list(patch), values

    def make(self, seed):
        n = int(np.prod(self.shape))
        if self.type in BLOCK:
            x, size = quantised(self.type, self.fill, seed, n)
            x = x.reshape(self.shape)
            x.magnitude = size.reshape(self.shape)
            return x
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
            if getattr(self, key) != default and not callable(getattr(self, key)):
                d[key] = getattr(self, key)
        return d


cases, values, at = [], [], 0
shares = {}                 # op: PyTorch's own float32, its worst error as a share of the tolerance, and where


def case(op, name, f, sizes, number=0.0, compare="each", stride=1, alike=False, **inputs):
    """f(inputs...) gives the wanted values, or (values, magnitudes) for "each"; every stride-th is stored.
    alike: the wanted values do not vary, or are NaN alone, and the case counts all the same."""
    made, described = make(op, name, inputs)
    want = f(**made)
    if compare == "each":
        check_float32(op, name, f(**single(made))[0], *want)
    d = output("y", [want] if compare != "each" else want, compare, stride)
    add(op, name, sizes, number, described, [{**d, "alike": True} if alike else d])


def gradients(op, name, f, sizes, number=0.0, wanted=None, stored=200, start="uniform", **inputs):
    """f(inputs...) gives for each output its gradient and the gradient's magnitude.  Each output holds random
    values before the call, about as large as its gradient; where the magnitude is 0 these must stay to the bit.
    wanted: the outputs that are asked for, the others are NULL.  About `stored` elements of each are stored."""
    made, described = make(op, name, inputs)
    results, in_float = f(**made), f(**single(made))
    outputs = []
    for out in wanted or results:
        gradient, size = results[out]
        held = Input(*gradient.shape, fill="int", scale=9) if start == "int" else \
            Input(*gradient.shape, scale=around(gradient) if start == "uniform" else start)
        seed = seed_of(op, name, out)
        before = held.make(seed)
        want = before + gradient
        size = torch.where(size == 0, size, size + before.abs())
        got = (before.float() + in_float[out][0]).double()
        check_float32(op, f"{name}, {out}", got, want, size)
        described.append(held.describe(out, seed))
        d = output(out, [want, size], "each", thinning(gradient.numel(), stored))
        outputs.append(d if want.isfinite().any() else {**d, "alike": True})
    add(op, name, sizes, number, described, outputs)


def around(x):
    """A power of two near the root mean square of the finite elements."""
    square = x[x.isfinite()].square().mean().item()
    return 2.0 ** round(math.log2(square) / 2) if 0 < square < math.inf else 1.0


def thinning(n, stored):
    """1, or a prime stride, so that every column of a matrix has its turn."""
    if n <= 2 * stored:
        return 1
    s = max(2, n // stored)
    while any(s % p == 0 for p in range(2, int(s ** 0.5) + 1)):
        s += 1
    return s


def seed_of(op, name, k):
    return zlib.crc32(f"{op}/{name}/{k}".encode())


def make(op, name, inputs):
    """The inputs that there are (None: absent), and their lines for cases.json.  A "forward" one comes last."""
    made = {k: None if v is None or v.fill == "forward" else v.make(seed_of(op, name, k)) for k, v in inputs.items()}
    for k, v in inputs.items():
        if v is not None and v.fill == "forward":
            made[k] = v.values(**{n: a for n, a in made.items() if n != k}).float().double().reshape(v.shape)
    return made, [v.describe(k, seed_of(op, name, k)) for k, v in inputs.items() if v is not None]


def single(made):
    return {k: v.float() if v is not None and v.is_floating_point() else v for k, v in made.items()}


def output(name, parts, compare, stride):
    """Appends values (and magnitudes) to values.bin; their line for cases.json."""
    global at
    kind = np.int32 if compare == "ints" else np.float32
    arrays = [p.detach().numpy().astype(kind).reshape(-1) for p in parts]
    assert len({a.size for a in arrays}) == 1, name
    d = {"name": name, "compare": compare, "n": int(arrays[0].size), "at": at}
    if stride > 1:
        d["stride"] = stride
        arrays = [a[::stride] for a in arrays]
    at += sum(a.size for a in arrays)
    values.extend(a.astype("<i4" if kind is np.int32 else "<f4").tobytes() for a in arrays)
    return d


def add(op, name, sizes, number, described, outputs):
    assert not any(c["op"] == op and c["case"] == name for c in cases), (op, name)
    d = {"op": op, "case": name, "sizes": sizes}
    if number:
        d["number"] = float(np.float32(number))
    cases.append({**d, "in": described, "out": outputs})


def check_float32(op, name, got, want, magnitude):
    """A tolerance that PyTorch's float32 does not meet is wrong (docs/TOLERANCE.md)."""
    got, want = got.detach().double().reshape(-1), want.detach().float().double().reshape(-1)
    error, tolerance = (got - want).abs(), 4 * 2.0 ** -23 * magnitude.detach().reshape(-1).double()
    same = (got == want) | (got.isnan() & want.isnan())
    share = torch.where(same, torch.zeros_like(error), error / tolerance).max().item()
    assert share <= 1, (op, name, share)
    shares[op] = max(shares.get(op, (0, "")), (share, name))


def sizes_of(x):
    """Absolute values of the inputs; of quantised ones, their terms'."""
    return {k: getattr(v, "magnitude", v.abs()) if v is not None and v.is_floating_point() else v for k, v in x.items()}


def strict(f):
    """Where Inf or NaN is wanted its size, too, would be Inf: 0, so that nothing else passes there."""
    def both(**x):
        want, size = f(**x)
        return want, torch.where(want.isfinite(), size, torch.zeros_like(size))
    return both


def linear_in(f, terms=1):
    """For an op that is a sum of products of its inputs: the magnitude is the sum of the |terms|.  terms:
    how many may each be rounded to a denormal."""
    def both(**x):
        return f(**x), f(**sizes_of(x)) + terms * TINY
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
