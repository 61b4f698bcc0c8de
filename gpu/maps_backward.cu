/* Gradients of the maps, added to what is there.  See ref/kernels.h. */
#include "columns.h"

enum { THREADS = 256 };

/* What dy brings to dx at x. */
struct relu_grad {
    __device__ float operator()(float dy, float x) const { return x <= 0 ? 0 : dy; }
};
/* Phi(x) + x phi(x), the normal distribution and its density. */
struct gelu_grad {
    __device__ float operator()(float dy, float x) const
    {
        float below = 0.5f * (1 + erff(x * 0.70710678118654752440f));
        return dy * (below + x * (0.39894228040143267794f * expf(-0.5f * x * x)));
    }
};
/* sigmoid(a x) (1 + a x (1 - sigmoid(a x))) */
struct sigmoid_grad {
    float a;
    __device__ float operator()(float dy, float x) const
    {
        float v = a * x, s = 1 / (1 + expf(-v));
        return dy * (s + v * s * (1 - s));
    }
};
struct sin_grad { __device__ float operator()(float dy, float x) const { return dy * cosf(x); } };
struct cos_grad { __device__ float operator()(float dy, float x) const { return -dy * sinf(x); } };
struct bf16_grad {
    __device__ float operator()(float dy, float) const { return gpu_bf16(gpu_to_bf16(dy)); }
};
struct scale_grad {
    float s;
    __device__ float operator()(float dy, float) const { return dy * s; }
};

template <class F>
__global__ void k_map_backward(float *dx, const float *dy, const float *x, int64_t N, F f)
{
    for (int64_t i = gpu_first<int64_t>(); i < N; i += gpu_step<int64_t>())
        dx[i] += f(dy[i], x[i]);
}

/* x: dy itself where the gradient does not depend on x. */
template <class F> static int map(float *dx, const float *dy, const float *x, int64_t N, F f)
{
    if (!dx) return 0;
    LAUNCH((k_map_backward<F>), gpu_blocks(N, THREADS), THREADS, 0, gpu.stream, dx, dy, x, N, f);
    return gpu_status();
}

int cuda_round_bf16_backward(float *dx, const float *dy, int64_t N)
{
    return map(dx, dy, dy, N, bf16_grad());
}

int cuda_scale_backward(float *dx, const float *dy, int64_t N, float s)
{
    scale_grad f = { s };
    return map(dx, dy, dy, N, f);
}

int cuda_relu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return map(dx, dy, x, N, relu_grad());
}

int cuda_gelu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return map(dx, dy, x, N, gelu_grad());
}

int cuda_quick_gelu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    sigmoid_grad f = { 1.702f };
    return map(dx, dy, x, N, f);
}

int cuda_silu_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    sigmoid_grad f = { 1 };
    return map(dx, dy, x, N, f);
}

int cuda_sin_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return map(dx, dy, x, N, sin_grad());
}

int cuda_cos_backward(float *dx, const float *dy, const float *x, int64_t N)
{
    return map(dx, dy, x, N, cos_grad());
}

/* ---- two inputs; b (M) was repeated along a (N) ---- */

int cuda_add_backward(float *da, float *db, const float *dy, int64_t N, int64_t M)
{
    scale_grad one = { 1 };
    gpu_rows_of f = { dy, M };
    int bad = map(da, dy, dy, N, one);
    if (bad || !db || !M) return bad;
    return N == M ? map(db, dy, dy, N, one) : gpu_columns(db, N / M, M, f);
}

/* da += dy b, b repeated. */
__global__ void k_mul_backward(float *da, const float *dy, const float *b, int64_t N, int64_t M)
{
    for (int64_t i = gpu_first<int64_t>(); i < N; i += gpu_step<int64_t>())
        da[i] += dy[i] * b[N == M ? i : i % M];
}

struct product_of {
    const float *dy, *a;
    int64_t M;
    __device__ float operator()(int64_t r, int64_t m) const { return dy[r * M + m] * a[r * M + m]; }
};

int cuda_mul_backward(float *da, float *db, const float *dy, const float *a, const float *b,
                      int64_t N, int64_t M)
{
    product_of f = { dy, a, M };
    if (da) {
        LAUNCH(k_mul_backward, gpu_blocks(N, THREADS), THREADS, 0, gpu.stream, da, dy, b, N, M);
        int bad = gpu_status();
        if (bad) return bad;
    }
    return db && M ? gpu_columns(db, N / M, M, f) : 0;
}

/* ---- rotary positions: the turn back ---- */

__global__ void k_rope_backward(float *dx, const float *dy, const float *angle, int64_t n,
                                int64_t NH, int64_t half)
{
    for (int64_t o = gpu_first<int64_t>(); o < n; o += gpu_step<int64_t>()) {
        int64_t i = o % half, head = o / half, first = head * 2 * half + i, second = first + half;
        float t = angle[head / NH * half + i], a = dy[first], b = dy[second];
        float c = cosf(t), s = sinf(t);
        dx[first] += a * c + b * s;
        dx[second] += b * c - a * s;
    }
}

int cuda_rope_backward(float *dx, const float *dy, const float *angle, int64_t R, int64_t NH,
                       int64_t HD)
{
    int64_t half = HD / 2, n = R * NH * half;
    if (!dx) return 0;
    LAUNCH(k_rope_backward, gpu_blocks(n, THREADS), THREADS, 0, gpu.stream, dx, dy, angle, n, NH,
           half);
    return gpu_status();
}
