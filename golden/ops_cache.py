"""Cases of a KV cache of 16 bits.  See make_ops.py."""
import torch

from ops_input import Input as I, case
from ops_sums import attention_case

TYPES = {"bf16": torch.bfloat16, "f16": torch.float16}


def place16():
    for kind, t in TYPES.items():
        def one(name, B, N, first, M, x):
            def f(y, x):
                y = y.to(t)
                y[:, first:first + M] = x.float().to(t)
                return torch.from_numpy(y.view(torch.int16).numpy().reshape(-1).view("<i4").copy())   # pairs
            case("place16", f"{kind} {name}", f, dict(B=B, N=N, at=first, M=M), compare="ints", y=I(B, N, type=kind), x=x)
        one("2 of 2 at 0", 1, 2, 0, 2, I(1, 2))
        one("7 of 13 at 6", 2, 13, 6, 7, I(2, 7))
        one("24 of 40 at 8", 4, 40, 8, 24, I(4, 24))
        one("5003 of 9000 at 3", 1, 9000, 3, 5003, I(1, 5003))
        one("small", 2, 600, 101, 331, I(2, 331, scale=2.0 ** -14))             # f16: below its normal numbers
        one("large", 2, 600, 7, 331, I(2, 331, scale=2.0 ** 17))                # f16: some beyond 65504
        # NaN stays NaN, which bits it has is nobody's business: tests/test_kv_cache.c
        one("ties and edges", 1, 40, 1, 24, I(1, 24, fill="list", values=[
            1.00390625, 1.01171875, 1.00390637, -1.00390625, 3.4e38, 3.3895314e38, 1e-40, -0.0, 0.0, -3.4e38, "inf", "-inf",
            1.00048828125, 1.00146484375, 65504.0, 65519.996, 65520.0, -65520.0, 2.0 ** -24, 2.0 ** -25, -2.0 ** -25 * 1.5,
            2.0 ** -14 - 2.0 ** -25, 2.0 ** -24 * 2.5, 3e-5]))


def attention16():
    for kind in TYPES:
        def one(name, *sizes, **more):
            attention_case(f"{kind} {name}", *sizes, op="attention16", kind=kind, **more)
        one("one of all", 1, 1, 1, 1, 2)
        one("one query", 2, 1, 37, 4, 8)
        one("one query, prime", 2, 1, 23, 3, 5)
        one("one query, heads of 128", 1, 1, 67, 3, 128, KS=80, causal=1, past=66)
        one("one query, wide heads", 1, 1, 19, 2, 149)
        one("one query of a cache", 1, 1, 9, 4, 6, NKV=2, KS=16, causal=1, past=8)
        one("one query, one key head", 2, 1, 17, 6, 20, NKV=1, KS=19)
        one("one query of many keys", 1, 1, 1500, 4, 16, KS=1510, causal=1, past=1499)
        one("one query before the last key", 1, 1, 20, 2, 8, causal=1, past=11)
        one("one query, kept keys", 2, 1, 11, 2, 4, keep=[1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1])
        one("one query that sees no key", 2, 1, 3, 2, 4, keep=[0, 0, 0, 1, 0, 1])
        one("one query, nan in a key that is left out", 1, 1, 7, 2, 4, keep=[1, 0, 1, 1, 0, 1, 1],
            k_fill=dict(patch=[(8, "nan"), (33, "inf")]), v_fill=dict(patch=[(9, "nan"), (34, "inf")]))
        one("one query, nan in later keys", 1, 1, 9, 2, 4, causal=1, past=6,
            k_fill=dict(patch=[(57, "nan"), (66, "inf")]), v_fill=dict(patch=[(58, "nan"), (67, "-inf")]))
        one("one query, nan and inf in v", 2, 1, 11, 2, 4, v_fill=dict(patch=[(9, "nan"), (62, "inf"), (110, "-inf")]))
        one("one query, nan in k", 2, 1, 11, 2, 4, k_fill=dict(patch=[(34, "nan")]))
        one("one query, exact: all scores 0", 1, 1, 8, 2, 4, q_fill=dict(fill="list", values=[0.0] * 8),
            v_fill=dict(fill="int", scale=9))
        one("prime", 2, 5, 7, 3, 5)
        one("plain", 2, 17, 17, 4, 16)
        one("causal with past", 1, 5, 12, 2, 8, causal=1, past=7)
        one("cache longer than the keys", 2, 3, 9, 2, 6, KS=14, causal=1, past=6)
        one("grouped heads", 2, 6, 10, 6, 4, NKV=2, causal=1, past=4)
        one("kept keys, causal", 2, 6, 6, 2, 4, causal=1, keep=[1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0])
        one("no key seen", 2, 4, 4, 1, 4, causal=1, keep=[1, 1, 1, 1, 0, 0, 1, 1])
        one("large, causal with past", 1, 530, 570, 4, 8, NKV=2, KS=600, causal=1, past=40, thin=7)
        one("nan in keys that are left out", 2, 6, 7, 2, 4, keep=[1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0],
            k_fill=dict(patch=[(8, "nan"), (33, "inf"), (105, "nan")]),
            v_fill=dict(patch=[(9, "nan"), (34, "inf"), (106, "nan")]))
        one("nan in later keys", 1, 6, 8, 2, 4, causal=1, past=2,
            k_fill=dict(patch=[(41, "nan"), (60, "inf")]), v_fill=dict(patch=[(42, "nan"), (61, "-inf")]))
        one("nan and inf in v", 2, 5, 7, 2, 4, v_fill=dict(patch=[(9, "nan"), (62, "inf"), (110, "-inf")]))
