"""The authors' model in float32 that rounds to bfloat16 where a bfloat16 release rounds and ours does too (docs/QUIRKS.md, Q4): boxes through float16 and bfloat16; box x scale;
the up-sampled region maps and their coordinate channels; every step of the dense positional encoding.  switch_on() before authors.build."""
import torch
import authors

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


def switch_on(): authors._edits = edits


def boxes(b): return torch.tensor(b, dtype=torch.float64).half().bfloat16().double().tolist()
