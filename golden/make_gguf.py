"""golden/gguf/small.gguf: a file written by the PyPI package gguf, for the reader and the quantisers.
usage: make_gguf.py OUT   (needs numpy and gguf)

Tensors: source, f32 (4, 64): values of many sizes, a row of zeros, a row of one sign; for each type q8_0, q4_0, q4_1 the package's own
quantisation of it, and what it unpacks to (want.TYPE, f32); f16, bf16, i32 of the same numbers.  Keys of every type that the format has.
"""
import sys
import numpy as np
import gguf
from gguf import GGMLQuantizationType as T

rng = np.random.default_rng(7)
source = (rng.normal(size=(4, 64)) * 10.0 ** rng.integers(-4, 3, (4, 2)).repeat(32, 1)).astype(np.float32)
source[1, :32] = 0
source[2] = np.abs(source[2]) + 1
w = gguf.GGUFWriter(sys.argv[1] + "/small.gguf", "llama")
w.add_uint8("t.u8", 200), w.add_int8("t.i8", -100), w.add_uint16("t.u16", 60000), w.add_int16("t.i16", -30000)
w.add_uint32("t.u32", 4000000000), w.add_int32("t.i32", -2000000000), w.add_uint64("t.u64", 2 ** 60), w.add_int64("t.i64", -2 ** 60)
w.add_float32("t.f32", 0.5), w.add_float64("t.f64", -0.25), w.add_bool("t.bool", True), w.add_string("t.text", "a text, \u00e9")
w.add_array("t.texts", ["one", "", "three"]), w.add_array("t.ints", [1, -2, 3])
w.add_tensor("source", source)
for name, t in (("q8_0", T.Q8_0), ("q4_0", T.Q4_0), ("q4_1", T.Q4_1), ("bf16", T.BF16)):
    q = gguf.quantize(source, t)
    w.add_tensor(name, q, raw_dtype=t)
    w.add_tensor("want." + name, gguf.dequantize(q, t).astype(np.float32))
w.add_tensor("f16", source.astype(np.float16))
w.add_tensor("i32", np.arange(6, dtype=np.int32).reshape(1, 2, 3))
w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
