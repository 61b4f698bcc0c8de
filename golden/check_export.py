"""Reads what `glamm train` wrote with PyTorch, transformers and peft.  usage: check_export.py BASE MODEL ADAPTER
BASE: the starting model's folder, with one pytorch_model.bin; MODEL, ADAPTER: model/ and adapter/ of a run with LoRA and export = both.
Checks that the folder has the base's tensors, names and sizes; that transformers' LLaMA takes its share from it; that peft puts the adapter
onto the base, and that what peft merges is what was written."""
import json, os, sys, warnings
import torch
from transformers import LlamaConfig, LlamaForCausalLM, logging
from peft import PeftModel
warnings.simplefilter("ignore"); logging.set_verbosity_error()
base, model, adapter = sys.argv[1:4]


def weights(folder):
    if os.path.exists(f"{folder}/model.safetensors"):
        from safetensors.torch import load_file
        return load_file(f"{folder}/model.safetensors")
    index = f"{folder}/pytorch_model.bin.index.json"
    names = sorted(set(json.load(open(index))["weight_map"].values())) if os.path.exists(index) else ["pytorch_model.bin"]
    return {k: v for n in names for k, v in torch.load(f"{folder}/{n}", map_location="cpu").items()}


old, new = weights(base), weights(model)
old = {k: v for k, v in old.items() if "lora_" not in k}
assert set(old) == set(new), (sorted(set(old) ^ set(new))[:5])
assert all(old[k].shape == new[k].shape for k in old)
print(len(new), "tensors, types", sorted({str(v.dtype) for v in new.values()}), "as the base has;", sum(not torch.equal(old[k].float(), new[k].float()) for k in old), "of them trained")

c = json.load(open(f"{model}/config.json"))
cfg = LlamaConfig(**{k: c[k] for k in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "rms_norm_eps", "max_position_embeddings")},
                  pad_token_id=0, bos_token_id=1, eos_token_id=2)
whole, info = LlamaForCausalLM.from_pretrained(model, config=cfg, output_loading_info=True, ignore_mismatched_sizes=False)
assert not info["missing_keys"], info["missing_keys"][:5]
print("transformers read", model)

tuned = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(base, config=cfg), adapter)
n = sum("lora_" in k for k in tuned.state_dict())
assert n and any(float(v.abs().max()) > 0 for k, v in tuned.state_dict().items() if "lora_B" in k)
ids = torch.randint(3, c["vocab_size"], (2, 9), generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    a = tuned(input_ids=ids).logits
    merged = tuned.merge_and_unload()
    b, d = merged(input_ids=ids).logits, whole(input_ids=ids).logits
scale = float(d.abs().max())
print(f"peft put {n} adapter tensors on; logits up to {scale:.3f}: unmerged - merged {float((a - b).abs().max()):.2e}, peft's - ours {float((b - d).abs().max()):.2e}")
assert float((b - d).abs().max()) < 2e-5 * max(1, scale)
gap = max(float((v - whole.state_dict()[k]).abs().max()) for k, v in merged.state_dict().items())
print(f"largest difference of a weight {gap:.2e}")
assert gap < 1e-6
print("passed")
