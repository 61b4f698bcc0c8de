"""golden/gguf/activations_k.gguf: 8-bit activations in blocks of 256 and their products by llama.cpp's own functions.
usage: make_activations_k.py LIB OUT   (needs numpy, gguf; LIB: the folder of libggml-cpu.so in the PyPI package llama-cpp-python, on x86-64)

Tensors: x (6, 512) f32: of many sizes, zeros, halves that are ties, one sign, large, tiny, two largest of different sign; rounded (6, 2 * 292) i8:
quantize_row_q8_K's blocks (d f32, 256 bytes, 16 sums of 16 bits); for q4_K, q5_K, q6_K: TYPE (5, 512), the last row random bits, and dot.TYPE
(6, 5) f32: ggml_vec_dot_TYPE_q8_K of every pair of rows, summed there in float32.
"""
import ctypes
import sys
import numpy as np
import gguf
from gguf import GGMLQuantizationType as T

base = ctypes.CDLL(sys.argv[1] + "/libggml-base.so", ctypes.RTLD_GLOBAL)
lib = ctypes.CDLL(sys.argv[1] + "/libggml-cpu.so")
lib.ggml_cpu_init()                                     # the table of halves
base.ggml_quantize_chunk.restype = ctypes.c_size_t
base.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
rng = np.random.default_rng(12)
R, N, K = 6, 5, 512
x = (rng.normal(size=(R, K)) * 10.0 ** rng.integers(-3, 3, (R, 2)).repeat(256, 1)).astype(np.float32)
x[1, :256] = 0
x[2, :256] = rng.integers(-127, 127, 256) + 0.5         # the step is 1: every one a tie
x[2, 0] = -127
x[3] = np.abs(x[3])
x[4, 256:] *= np.float32(1e4 / np.abs(x[4, 256:]).max())
x[5, :256] *= np.float32(1e-6 / np.abs(x[5, :256]).max())
x[5, 300], x[5, 400] = 20, -20
x[5, 256:] = np.clip(x[5, 256:], -20, 20)
x[5, 256:300] = np.clip(x[5, 256:300], -19, 19)
pointer = lambda a: a.ctypes.data_as(ctypes.c_void_p)
q8 = np.zeros((R, K // 256 * 292), np.uint8)
for r in range(R):
    lib.quantize_row_q8_K(pointer(x[r]), pointer(q8[r]), ctypes.c_int64(K))
w = gguf.GGUFWriter(sys.argv[2] + "/activations_k.gguf", "llama")
w.add_tensor("x", x)
w.add_tensor("rounded", q8.view(np.int8))
for name, t, at in (("q4_K", T.Q4_K, (0, 2)), ("q5_K", T.Q5_K, (0, 2)), ("q6_K", T.Q6_K, (208,))):
    m = (rng.normal(size=(N, K)) * 10.0 ** rng.integers(-2, 1, (N, 2)).repeat(256, 1)).astype(np.float32)
    q = np.zeros((N, K // 256 * gguf.GGML_QUANT_SIZES[t][1]), np.uint8)
    assert base.ggml_quantize_chunk(t.value, m.ctypes.data, q.ctypes.data, 0, N, K, None) == q.size
    bits = q[N - 1].reshape(K // 256, -1)
    bits[:] = rng.integers(0, 256, bits.shape, np.uint8)
    for a in at:
        bits[:, a:a + 2] = rng.normal(size=(K // 256, 1)).astype("<f2").view(np.uint8)
    y = np.zeros((R, N), np.float32)
    for r in range(R):
        for n in range(N):
            s = ctypes.c_float()
            getattr(lib, "ggml_vec_dot_" + name + "_q8_K")(ctypes.c_int(K), ctypes.byref(s), ctypes.c_size_t(0), pointer(q[n]), ctypes.c_size_t(0),
                                                           pointer(q8[r]), ctypes.c_size_t(0), ctypes.c_int(1))
            y[r, n] = s.value
    w.add_tensor(name, q, raw_dtype=t)
    w.add_tensor("dot." + name, y)
w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
