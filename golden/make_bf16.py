"""golden/bf16: the mini model run as a bfloat16 release runs it at the places that matter (docs/QUIRKS.md, Q4).
usage: GLAMM_SRC=... NANO_DIR=golden/mini/model make_bf16.py OUT [SEED]   (needs what golden/oracle/README.md lists)

Everything is float32 but for: boxes through float16 and bfloat16; box x scale; the up-sampled region maps and their coordinate
channels; every step of the dense positional encoding.  config.json says bfloat16.  Cases gcg, refer, region; no gradients.
"""
import json, os, sys
import torch
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import authors, goldens

plain_edits = authors._edits


def edits(s, dtype):
    e = plain_edits(s, dtype)
    layers = [x for x in e["model.layers"] if x[0] not in ("torch.bfloat16", "single_img_roi * 224")]
    e["model.layers"] = layers + [
        ("mlvl_feats[level] = mlvl_feats[level].to(torch.bfloat16)", "mlvl_feats[level] = mlvl_feats[level].to(torch.bfloat16).to(feat.dtype)"),
        ("coord_feat.to(feat.dtype)", "coord_feat.to(torch.bfloat16).to(feat.dtype)"),
        ("single_img_roi * 224", f"(single_img_roi * {s.region_scale}).to(torch.bfloat16).to(single_img_roi.dtype)")]
    e["model.SAM.modeling.prompt_encoder"] = [
        ("return self.pe_layer(self.image_embedding_size).unsqueeze(0)",
         "import copy; pe = copy.deepcopy(self.pe_layer); pe._forward_hooks.clear()\n"
         "        pe = pe.to(torch.bfloat16)(self.image_embedding_size).to(self.no_mask_embed.weight.dtype)\n"
         "        [h(self.pe_layer, None, pe) for h in self.pe_layer._forward_hooks.values()]\n"
         "        return pe.unsqueeze(0)")]
    return e


def make_case(*a, **k):
    c = plain_case(*a, **k)
    c["boxes"] = torch.tensor(c["boxes"], dtype=torch.float64).half().bfloat16().double().tolist()
    return c


authors._edits = edits
plain_case, goldens.make_case = goldens.make_case, make_case
goldens.WIDE = goldens.MINI
sys.argv = [sys.argv[0], sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "11", "wide"]
goldens.main()
path = f"{sys.argv[1]}/model/config.json"
config = dict(json.load(open(path)), torch_dtype="bfloat16")
json.dump(config, open(path, "w"), indent=2)
