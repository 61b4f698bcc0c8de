"""golden/gguf/activations.gguf: 8-bit activations and their products by llama.cpp's own functions.
usage: make_activations.py LIB OUT   (needs numpy, gguf; LIB: the folder of libggml-cpu.so in the PyPI package llama-cpp-python, on x86-64)

Tensors: x (6, 96) f32: of many sizes, zeros, halves that are ties, one sign, large, tiny; rounded (6, 3 * 36) i8: quantize_row_q8_1's blocks
(d, s f16, 32 bytes); for each type TYPE (5, 96) and dot.TYPE (6, 5) f32: ggml_vec_dot_TYPE_q8_x of every pair of rows, summed there in float32.
"""
import ctypes
import sys
import numpy as np
import gguf
from gguf import GGMLQuantizationType as T

ctypes.CDLL(sys.argv[1] + "/libggml-base.so", ctypes.RTLD_GLOBAL)
lib = ctypes.CDLL(sys.argv[1] + "/libggml-cpu.so")
lib.ggml_cpu_init()                                     # the table of halves
rng = np.random.default_rng(11)
R, N, K = 6, 5, 96
x = (rng.normal(size=(R, K)) * 10.0 ** rng.integers(-3, 3, (R, 3)).repeat(32, 1)).astype(np.float32)
x[1, :32] = 0
x[2, :32] = rng.integers(-127, 127, 32) + 0.5           # id is 1: every one a tie
x[2, 0] = 127
x[3] = np.abs(x[3])
x[4, 32:64] *= np.float32(1e4 / np.abs(x[4, 32:64]).max())
x[5, 64:] *= np.float32(1e-6 / np.abs(x[5, 64:]).max())
pointer = lambda a: a.ctypes.data_as(ctypes.c_void_p)


def rounded(function, size):
    y = np.zeros((R, K // 32 * size), np.uint8)
    for r in range(R):
        getattr(lib, function)(pointer(x[r]), pointer(y[r]), ctypes.c_int64(K))
    return y


q8 = {34: rounded("quantize_row_q8_0", 34), 36: rounded("quantize_row_q8_1", 36)}
w = gguf.GGUFWriter(sys.argv[2] + "/activations.gguf", "llama")
w.add_tensor("x", x)
w.add_tensor("rounded", q8[36].view(np.int8))
for name, t, dot, size in (("q8_0", T.Q8_0, "q8_0_q8_0", 34), ("q4_0", T.Q4_0, "q4_0_q8_0", 34), ("q4_1", T.Q4_1, "q4_1_q8_1", 36)):
    m = (rng.normal(size=(N, K)) * 10.0 ** rng.integers(-2, 1, (N, 3)).repeat(32, 1)).astype(np.float32)
    q = gguf.quantize(m, t)
    y = np.zeros((R, N), np.float32)
    for r in range(R):
        for n in range(N):
            s = ctypes.c_float()
            getattr(lib, "ggml_vec_dot_" + dot)(ctypes.c_int(K), ctypes.byref(s), ctypes.c_size_t(0), pointer(q[n]), ctypes.c_size_t(0),
                                                pointer(q8[size][r]), ctypes.c_size_t(0), ctypes.c_int(1))
            y[r, n] = s.value
    w.add_tensor(name, q, raw_dtype=t)
    w.add_tensor("dot." + name, y)
w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
