"""golden/gguf/k.gguf: the types with blocks of 256, for the reader and the quantisers.
usage: make_gguf_k.py OUT LIBGGML_BASE   (needs numpy and gguf; LIBGGML_BASE: llama.cpp's libggml-base.so, which the package
llama-cpp-python holds.  The package gguf unpacks these types, but does not make them.)

Tensors: source, f32 (4, 512): values of many sizes, a row with zeros, a row of one sign, a row with parts too small for their block's scale;
for each type q4_K, q5_K, q6_K what ggml_quantize_chunk makes of it, and what the package unpacks that to (want.TYPE, f32);
bits.TYPE (2, 256): blocks of random bits under small scales, and want.bits.TYPE likewise.
"""
import ctypes
import sys
import numpy as np
import gguf
from gguf import GGMLQuantizationType as T

ggml = ctypes.CDLL(sys.argv[2])
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]

rng = np.random.default_rng(11)
source = (rng.normal(size=(4, 512)) * 10.0 ** rng.integers(-4, 3, (4, 2)).repeat(256, 1)).astype(np.float32)
source[1, :64], source[1, 256:] = 0, 0
source[2] = np.abs(source[2]) + 1
source[3, 100:300] *= np.float32(1e-6)
w = gguf.GGUFWriter(sys.argv[1] + "/k.gguf", "llama")
w.add_tensor("source", source)
for name, t, at in (("q4_K", T.Q4_K, (0, 2)), ("q5_K", T.Q5_K, (0, 2)), ("q6_K", T.Q6_K, (208,))):
    size = gguf.GGML_QUANT_SIZES[t][1]
    q = np.zeros((4, 2 * size), np.uint8)
    assert ggml.ggml_quantize_chunk(t.value, source.ctypes.data, q.ctypes.data, 0, 4, 512, None) == q.size
    bits = rng.integers(0, 256, (2, size), np.uint8)
    for a in at:
        bits[:, a:a + 2] = rng.normal(size=(2, 1)).astype("<f2").view(np.uint8)
    for kind, x in (("", q), ("bits.", bits)):
        w.add_tensor(kind + name, x, raw_dtype=t)
        w.add_tensor("want." + kind + name, gguf.dequantize(x, t).astype(np.float32))
w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
