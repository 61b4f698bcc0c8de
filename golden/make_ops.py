#!/usr/bin/env python3
"""Values of every kernel slot, computed by PyTorch in float64: golden/ops/cases.json and values.bin.

    GLAMM_SRC=<groundingLMM checkout> python3 golden/make_ops.py

Oracle: torch 1.13, torchvision 0.14, transformers 4.28.1 and the authors' SAM modules (segment_anything).
Inputs are not stored: both sides make them with the hash of tests/hash.h.  cases.json holds one case
a line: op (slot name), case, sizes and number (the slot's arguments), in (how to fill each input), and out: of each
output that is asked for its name, n, compare ("bits", "ints" or "each"), stride (1 when absent), alike (when the
values do not vary and the case counts all the same) and at, the first element in values.bin.  An input that is named as an output is what this output holds before the call.
values.bin is little-endian: every stride-th of n wanted values (float32, or int32 for "ints"), and for
"each" as many float32 magnitudes after them; |got - want| may be 4 eps times the magnitude (docs/TOLERANCE.md)."""
import os

import torch

import ops_backward
import ops_cache
import ops_input
import ops_losses
import ops_moves
import ops_sums

torch.set_num_threads(1)
ops_moves.moves()
ops_moves.maps()
ops_sums.products()
ops_sums.norms()
ops_sums.space()
ops_sums.attention()
ops_sums.decisions()
ops_backward.moves()
ops_backward.maps()
ops_backward.products()
ops_backward.norms()
ops_backward.space()
ops_losses.softmax()
ops_losses.attention()
ops_losses.cross_entropy()
ops_losses.masks()
ops_sums.quantised()
ops_backward.quantised()
ops_cache.place16()
ops_cache.attention16()
ops_input.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "ops"))
