/* Muon: momentum whose matrices are made orthogonal before they move a weight, so that every
 * direction of it moves alike.  A small model learns from fewer samples so than with AdamW
 * (docs/TRAINING.md).  Sources: K. Jordan's Muon (Newton-Schulz iteration and its coefficients);
 * Moonlight, arXiv 2502.16982 (decay, and the size that makes AdamW's learning rates fit);
 * torch.optim.Muon with adjust_lr_fn = "match_rms_adamw". */
#ifndef GM_TRAIN_MUON_H
#define GM_TRAIN_MUON_H
#include <stdint.h>

/* Floats of scratch for a matrix of these sizes. */
int64_t gm_muon_scratch(int64_t rows, int64_t cols);
/* Multiplications and additions of an update's products. */
double gm_muon_flop(int64_t rows, int64_t cols);
/* One update of w (rows, cols) by the gradient scale * dw; m (rows, cols): the momentum, 0 at the
 * start; mu: its share, 0..1; Nesterov's look ahead.  w shrinks by lr * decay first. */
void gm_muon_step(float *w, const float *dw, float *m, int64_t rows, int64_t cols, double mu,
                  double lr, double decay, double scale, float *scratch);

#endif
