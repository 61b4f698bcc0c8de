/* Maps: one element in, one out.  No fast-math: expf, erff, sinf and division are the accurate
 * ones. See ref/kernels.h. */
#include "cuda.h"

enum { THREADS = 256 };

struct relu { __device__ float operator()(float x) const { return x < 0 ? 0 : x; } };
struct gelu {
    __device__ float operator()(float x) const
    {
        return 0.5f * x * (1 + erff(x * 0.70710678118654752440f));
    }
};
/* A product, not a quotient: -inf times 0 is NaN, as in PyTorch. */
struct quick_gelu {
    __device__ float operator()(float x) const { return x * (1 / (1 + expf(-1.702f * x))); }
};
struct silu { __device__ float operator()(float x) const { return x * (1 / (1 + expf(-x))); } };
struct sine { __device__ float operator()(float x) const { return sinf(x); } };
struct cosine { __device__ float operator()(float x) const { return cosf(x); } };
struct round_bf16 {
    __device__ float operator()(float x) const { return gpu_bf16(gpu_to_bf16(x)); }
};
struct times {
    float s;
    __device__ float operator()(float x) const { return x * s; }
};
struct sum { __device__ float operator()(float a, float b) const { return a + b; } };
struct product { __device__ float operator()(float a, float b) const { return a * b; } };

/* The first 4 * fours elements as vectors. */
template <class F> __global__ void k_map(float *y, const float *x, int64_t N, int64_t fours, F f)
{
    float4 *y4 = reinterpret_cast<float4 *>(y);
    const float4 *x4 = reinterpret_cast<const float4 *>(x);
    for (int64_t i = gpu_first<int64_t>(); i < fours; i += gpu_step<int64_t>()) {
        float4 v = x4[i];
        v.x = f(v.x), v.y = f(v.y), v.z = f(v.z), v.w = f(v.w);
        y4[i] = v;
    }
    for (int64_t i = 4 * fours + gpu_first<int64_t>(); i < N; i += gpu_step<int64_t>())
        y[i] = f(x[i]);
}

template <class F> static int map(float *y, const float *x, int64_t N, F f)
{
    int64_t fours = gpu_aligned(y) && gpu_aligned(x) ? N / 4 : 0;
    LAUNCH((k_map<F>), gpu_blocks(fours ? fours : N, THREADS), THREADS, 0, gpu.stream, y, x, N,
           fours, f);
    return gpu_status();
}

int cuda_relu(float *y, const float *x, int64_t N) { return map(y, x, N, relu()); }
int cuda_gelu(float *y, const float *x, int64_t N) { return map(y, x, N, gelu()); }
int cuda_quick_gelu(float *y, const float *x, int64_t N) { return map(y, x, N, quick_gelu()); }
int cuda_silu(float *y, const float *x, int64_t N) { return map(y, x, N, silu()); }
int cuda_sin(float *y, const float *x, int64_t N) { return map(y, x, N, sine()); }
int cuda_cos(float *y, const float *x, int64_t N) { return map(y, x, N, cosine()); }
int cuda_round_bf16(float *y, const float *x, int64_t N) { return map(y, x, N, round_bf16()); }
int cuda_scale(float *y, const float *x, int64_t N, float s)
{
    times f = { s };
    return map(y, x, N, f);
}

/* ---- two inputs, the second repeated along the first ---- */

template <class F> __global__ void k_same(float *y, const float *a, const float *b, int64_t N,
                                          int64_t fours, F f)
{
    float4 *y4 = reinterpret_cast<float4 *>(y);
    const float4 *a4 = reinterpret_cast<const float4 *>(a);
    const float4 *b4 = reinterpret_cast<const float4 *>(b);
    for (int64_t i = gpu_first<int64_t>(); i < fours; i += gpu_step<int64_t>()) {
        float4 u = a4[i], v = b4[i];
        u.x = f(u.x, v.x), u.y = f(u.y, v.y), u.z = f(u.z, v.z), u.w = f(u.w, v.w);
        y4[i] = u;
    }
    for (int64_t i = 4 * fours + gpu_first<int64_t>(); i < N; i += gpu_step<int64_t>())
        y[i] = f(a[i], b[i]);
}

template <class F, class I>
__global__ void k_repeated(float *y, const float *a, const float *b, I N, I M, F f)
{
    for (I i = gpu_first<I>(); i < N; i += gpu_step<I>()) y[i] = f(a[i], b[i % M]);
}

template <class F>
static int pairs(float *y, const float *a, const float *b, int64_t N, int64_t M, F f)
{
    int64_t fours = gpu_aligned(y) && gpu_aligned(a) && gpu_aligned(b) ? N / 4 : 0;
    if (N == M)
        LAUNCH((k_same<F>), gpu_blocks(fours ? fours : N, THREADS), THREADS, 0, gpu.stream, y, a, b,
               N, fours, f);
    else if (gpu_small(N))
        LAUNCH((k_repeated<F, unsigned>), gpu_blocks(N, THREADS), THREADS, 0, gpu.stream, y, a, b,
               (unsigned)N, (unsigned)M, f);
    else
        LAUNCH((k_repeated<F, int64_t>), gpu_blocks(N, THREADS), THREADS, 0, gpu.stream, y, a, b, N,
               M, f);
    return gpu_status();
}

int cuda_add(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    return pairs(y, a, b, N, M, sum());
}

int cuda_mul(float *y, const float *a, const float *b, int64_t N, int64_t M)
{
    return pairs(y, a, b, N, M, product());
}

/* ---- rotary positions: transformers modeling_llama.py, apply_rotary_pos_emb ---- */

/* One thread turns one pair of one head. */
__global__ void k_rope(float *y, const float *x, const float *angle, int64_t R, int64_t NH,
                       int64_t half)
{
    for (int64_t o = gpu_first<int64_t>(); o < R * NH * half; o += gpu_step<int64_t>()) {
        int64_t i = o % half, head = o / half, first = head * 2 * half + i, second = first + half;
        float t = angle[head / NH * half + i], a = x[first], b = x[second];
        float c = cosf(t), s = sinf(t);
        y[first] = a * c - b * s;
        y[second] = b * c + a * s;
    }
}

int cuda_rope(float *y, const float *x, const float *angle, int64_t R, int64_t NH, int64_t HD)
{
    int64_t half = HD / 2;
    LAUNCH(k_rope, gpu_blocks(R * NH * half, THREADS), THREADS, 0, gpu.stream, y, x, angle, R, NH,
           half);
    return gpu_status();
}
