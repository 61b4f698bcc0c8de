/* AdamW and the gradient's norm, on plain arrays.  Parallel over chunks of fixed length, so that
 * the bits do not depend on the number of threads. */
#ifndef GM_TRAIN_ADAMW_H
#define GM_TRAIN_ADAMW_H
#include <stdint.h>

typedef struct { double beta1, beta2, eps; } gm_adamw;

/* One update of w (n) by the gradient scale * dw; m, v: the moments.  step counts the updates of
 * this tensor from 1.  Weight decay is decoupled: w shrinks by lr * decay first.  Source:
 * torch/optim/adamw.py, _single_tensor_adamw. */
void gm_adamw_step(float *w, const float *dw, float *m, float *v, int64_t n, const gm_adamw *o,
                   double lr, double decay, double scale, int64_t step);

/* Sum of the squares of x (n), in double. */
double gm_sum_squares(const float *x, int64_t n);

/* What gradients of this norm are multiplied by: most / (norm + 1e-6), at most 1; 1 when most is 0.
 * Source: torch/nn/utils/clip_grad.py, clip_grad_norm_. */
double gm_clip_scale(double norm, double most);

#endif
