"""golden/text: a random language model in two files, and llama.cpp's logits of them; and what llama.cpp says of a real one.
usage: make_text_model.py VOCABULARY.gguf OUT [SAID.npz]   (needs numpy, gguf, llama-cpp-python; VOCABULARY: golden/tokenizer/bytes.gguf)

plain.gguf, quantised.gguf: width 32, 2 layers, 4 heads of 8 with 2 key/value heads, MLP 64, rotary base 100000, no head of its own; the vocabulary's
tokenizer, a ChatML template.  plain: f32; quantised: the same weights in q4_1, the embeddings q8_0.  logits.gguf: ids (i32), and plain, quantised
(n, 28) f32: llama.cpp's logits after each id, every 64th token's, with its cache in f32.
smollm2.json, from what check_llama_cpp.py --save kept of SmolLM2-135M-Instruct.Q4_1.gguf: for each of three prompts its ids with 40 of the greedy
answer, where the answer starts, and per answer token [id, margin to the second, logit].
"""
import json
import sys
import numpy as np
import gguf
import llama_cpp
from gguf import GGMLQuantizationType as T
from llama_cpp import Llama

C, F, L, NH, NKV, STRIDE = 32, 64, 2, 4, 2, 64
TEMPLATE = ("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou answer briefly"
            "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}")
rng = np.random.default_rng(3)
keys = gguf.GGUFReader(sys.argv[1]).fields
get = lambda k: keys["tokenizer.ggml." + k].contents()
V = len(get("tokens"))
matrix = lambda r, c: (rng.normal(size=(r, c)) / np.sqrt(c)).astype(np.float32)
bf16 = lambda x: (x.view(np.uint32) & 0xffff0000).view(np.float32)     # times 8-bit embeddings: many halves, which the last bit decides
norm = lambda: bf16(np.ones(C, np.float32) + matrix(1, C)[0])
weights = {"token_embd.weight": matrix(V, C) * 3, "output_norm.weight": norm()}
for l in range(L):
    for name, r, c in (("attn_q", C, C), ("attn_k", C * NKV // NH, C), ("attn_v", C * NKV // NH, C), ("attn_output", C, C), ("ffn_gate", F, C),
                       ("ffn_up", F, C), ("ffn_down", C, F)):
        weights["blk.%d.%s.weight" % (l, name)] = matrix(r, c)
    for name in ("attn_norm", "ffn_norm"):
        weights["blk.%d.%s.weight" % (l, name)] = norm()


def write(path, quantised):
    w = gguf.GGUFWriter(path, "llama")
    w.add_tokenizer_model("gpt2"), w.add_tokenizer_pre(get("pre")), w.add_token_list(get("tokens")), w.add_token_types(get("token_type"))
    w.add_token_merges(get("merges")), w.add_bos_token_id(1), w.add_eos_token_id(2), w.add_add_bos_token(False), w.add_chat_template(TEMPLATE)
    for key, v in (("embedding_length", C), ("block_count", L), ("feed_forward_length", F), ("context_length", 256), ("attention.head_count", NH),
                   ("attention.head_count_kv", NKV), ("vocab_size", V), ("rope.dimension_count", C // NH)):
        w.add_uint32("llama." + key, v)
    w.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5), w.add_float32("llama.rope.freq_base", 100000)
    for name, x in weights.items():
        t = T.F32 if not quantised or x.ndim < 2 else T.Q8_0 if name.startswith("token") else T.Q4_1
        w.add_tensor(name, x if t == T.F32 else gguf.quantize(x, t), raw_dtype=t)
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
    m = Llama(path, n_ctx=64, logits_all=True, verbose=False, n_threads=1, n_threads_batch=1, type_k=llama_cpp.GGML_TYPE_F32,
              type_v=llama_cpp.GGML_TYPE_F32, flash_attn=False)
    m.eval(ids)
    return np.array(m.scores[:len(ids), ::STRIDE], np.float32)


seen = gguf.dequantize(gguf.quantize(weights["token_embd.weight"], T.Q8_0), T.Q8_0) * weights["blk.0.attn_norm.weight"]
steps = np.abs(seen) / np.abs(seen).max(1, keepdims=True) * 127
ties = np.flatnonzero((np.abs(steps - np.floor(steps) - 0.5) < 1e-5).any(1))
print(len(ties), "tokens with a tie")
ids = [int(i) for i in rng.permutation(np.concatenate([ties[ties >= 17][:32], rng.integers(17, V - 2, 64)])[:64])]
w = gguf.GGUFWriter(sys.argv[2] + "/logits.gguf", "llama")
w.add_tensor("ids", np.array(ids, np.int32))
for name in ("plain", "quantised"):
    w.add_tensor(name, write("%s/%s.gguf" % (sys.argv[2], name), name == "quantised"))
w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()

if len(sys.argv) > 3:
    said, out = np.load(sys.argv[3]), []
    for i in (0, 3, 10):
        start, logits = int(said["start%d" % i]), said["logits%d" % i][:40]
        best = np.sort(logits, 1)
        rows = [[int(x.argmax()), round(float(b[-1] - b[-2]), 4), round(float(b[-1]), 4)] for x, b in zip(logits, best)]
        out.append({"ids": [int(k) for k in said["ids%d" % i][:start + 39]], "start": start, "said": rows})
    with open(sys.argv[2] + "/smollm2.json", "w") as f:
        f.write("[" + ",\n".join(json.dumps(x) for x in out) + "]\n")
