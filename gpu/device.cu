/* The device: taking it, its memory, graphs of a step of decoding, the table. */
#include "cuda.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CAUTION "the CUDA backend is proven under emulation only: no GPU has run it yet"
#define WITHOUT "; CUDA graphs are off (GLAMM_CUDA_GRAPHS=1)"
#define WITH "; CUDA graphs are on"

gpu_state gpu;
static int users;                       /* opened and not closed; one device serves them all */
static void *workspace;
static const size_t WORKSPACE = 32 << 20;       /* for cuBLAS, which allocates its own otherwise */

/* ---- memory ---- */

static void *memory_alloc(void *, size_t bytes)
{
    void *p = NULL;
    if (cudaMalloc(&p, bytes) == cudaSuccess) return p;
    cudaGetLastError();                                     /* the caller reports it */
    return NULL;
}

static void memory_free(void *, void *p, size_t) { cudaFree(p); }

/* So many words travel as a kernel's argument: no copy, nothing to wait for, and a graph keeps
 * them. */
enum { WORDS = 960, THREADS = 256 };
struct words { uint32_t word[WORDS]; };

__global__ void k_words(uint32_t *to, const __grid_constant__ words from, int n)
{
    for (int i = gpu_first<int>(); i < n; i += gpu_step<int>()) to[i] = from.word[i];
}

static int upload_words(void *device, const void *host, size_t bytes)
{
    words w;
    memcpy(w.word, host, bytes);
    LAUNCH(k_words, 1, THREADS, 0, gpu.stream, static_cast<uint32_t *>(device), w,
           (int)(bytes / 4));
    return gpu_status() ? -1 : 0;
}

static int memory_upload(void *, void *device, const void *host, size_t bytes)
{
    if (bytes % 4 == 0 && bytes <= WORDS * 4) return upload_words(device, host, bytes);
    /* From pageable memory: returns when the host's values have been read. */
    return cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, gpu.stream) ? -1 : 0;
}

static int memory_download(void *, void *host, const void *device, size_t bytes)
{
    if (cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, gpu.stream)) return -1;
    return cudaStreamSynchronize(gpu.stream) ? -1 : 0;
}

/* ---- graphs: the launches of one step, taken down and launched as one ---- */

static bool graphs;
static cudaGraphExec_t ready;           /* the last step's, whose arguments the next one changes */

static void step_begin(void *)
{
    if (graphs) cudaStreamBeginCapture(gpu.stream, cudaStreamCaptureModeRelaxed);
}

static int step_end(void *)
{
    cudaGraph_t graph = NULL;
    cudaGraphExecUpdateResultInfo info;
    if (!graphs) return 0;
    if (cudaStreamEndCapture(gpu.stream, &graph) || !graph) return -1;
    if (ready && cudaGraphExecUpdate(ready, graph, &info)) {
        cudaGetLastError();                                 /* of another form: made anew */
        cudaGraphExecDestroy(ready);
        ready = NULL;
    }
    int bad = !ready && cudaGraphInstantiate(&ready, graph, 0);
    cudaGraphDestroy(graph);
    return bad || cudaGraphLaunch(ready, gpu.stream) ? -1 : 0;
}

/* ---- the table ---- */

static gm_kernels make_table()
{
    gm_kernels t;
    memset(&t, 0, sizeof t);
    t.name = "cuda";
    t.gather = cuda_gather, t.transpose = cuda_transpose, t.concat = cuda_concat;
    t.slice = cuda_slice, t.place = cuda_place, t.place16 = cuda_place16;
    t.repeat = cuda_repeat;
    t.window = cuda_window, t.unwindow = cuda_unwindow, t.round_bf16 = cuda_round_bf16;
    t.add = cuda_add, t.mul = cuda_mul, t.scale = cuda_scale, t.relu = cuda_relu;
    t.gelu = cuda_gelu, t.quick_gelu = cuda_quick_gelu, t.silu = cuda_silu;
    t.sin = cuda_sin, t.cos = cuda_cos, t.rope = cuda_rope;
    t.linear = cuda_linear, t.linear_scratch = cuda_linear_scratch;
    t.conv2d = cuda_conv2d, t.conv2d_scratch = cuda_conv2d_scratch;
    t.conv_transpose2x2 = cuda_conv_transpose2x2;
    t.layernorm = cuda_layernorm, t.layernorm2d = cuda_layernorm2d, t.rmsnorm = cuda_rmsnorm;
    t.groupnorm = cuda_groupnorm, t.resize = cuda_resize, t.roi_align = cuda_roi_align;
    t.softmax = cuda_softmax, t.attention = cuda_attention;
    t.attention_scratch = cuda_attention_scratch;
    t.attention16 = cuda_attention16, t.attention16_scratch = cuda_attention16_scratch;
    t.argmax = cuda_argmax, t.finite = cuda_finite, t.fill = cuda_fill;
    t.cross_entropy = cuda_cross_entropy, t.bce = cuda_bce, t.dice = cuda_dice;
    t.cross_entropy_backward = cuda_cross_entropy_backward;
    t.gather_backward = cuda_gather_backward;
    t.transpose_backward = cuda_transpose_backward;
    t.concat_backward = cuda_concat_backward;
    t.slice_backward = cuda_slice_backward;
    t.repeat_backward = cuda_repeat_backward;
    t.window_backward = cuda_window_backward;
    t.unwindow_backward = cuda_unwindow_backward;
    t.round_bf16_backward = cuda_round_bf16_backward;
    t.add_backward = cuda_add_backward;
    t.mul_backward = cuda_mul_backward;
    t.scale_backward = cuda_scale_backward;
    t.relu_backward = cuda_relu_backward;
    t.gelu_backward = cuda_gelu_backward;
    t.quick_gelu_backward = cuda_quick_gelu_backward;
    t.silu_backward = cuda_silu_backward;
    t.sin_backward = cuda_sin_backward;
    t.cos_backward = cuda_cos_backward;
    t.rope_backward = cuda_rope_backward;
    t.linear_backward = cuda_linear_backward;
    t.linear_backward_scratch = cuda_linear_backward_scratch;
    t.conv2d_backward = cuda_conv2d_backward;
    t.conv2d_backward_scratch = cuda_conv2d_backward_scratch;
    t.conv_transpose2x2_backward = cuda_conv_transpose2x2_backward;
    t.layernorm_backward = cuda_layernorm_backward;
    t.layernorm2d_backward = cuda_layernorm2d_backward;
    t.rmsnorm_backward = cuda_rmsnorm_backward;
    t.groupnorm_backward = cuda_groupnorm_backward;
    t.resize_backward = cuda_resize_backward;
    t.roi_align_backward = cuda_roi_align_backward;
    t.softmax_backward = cuda_softmax_backward;
    t.attention_backward = cuda_attention_backward;
    t.attention_backward_scratch = cuda_attention_backward_scratch;
    t.bce_backward = cuda_bce_backward, t.dice_backward = cuda_dice_backward;
    return t;
}

/* ---- taking it ---- */

static int say(char *error, size_t room, const char *format, ...)
{
    va_list a;
    va_start(a, format);
    vsnprintf(error, room, format, a);
    va_end(a);
    return -1;
}

/* A driver, a device, and one that is new enough: what CUDA 13 and bf16 products ask for. */
static int look(cudaDeviceProp *p, char *error, size_t room)
{
    int driver = 0, n = 0;
    cudaDriverGetVersion(&driver);
    if (!driver) return say(error, room, "no NVIDIA driver on this machine");
    cudaError_t e = cudaGetDeviceCount(&n);
    if (e) return say(error, room, "no device: %s", cudaGetErrorString(e));
    if (n < 1) return say(error, room, "no NVIDIA device in this machine");
    e = cudaSetDevice(0);
    if (!e) e = cudaGetDeviceProperties(p, 0);
    if (e) return say(error, room, "device 0: %s", cudaGetErrorString(e));
    if (p->major < 8)
        return say(error, room, "%.100s has compute capability %d.%d; wanted 8.0 or later", p->name,
                   p->major, p->minor);
    return 0;
}

static int start(char *error, size_t room)
{
    cudaError_t e = cudaStreamCreate(&gpu.stream);
    if (!e) e = cudaMalloc(&workspace, WORKSPACE);
    if (e) return say(error, room, "the device cannot be used: %s", cudaGetErrorString(e));
    int bad = (int)cublasCreate(&gpu.blas);
    if (!bad) bad = (int)cublasSetStream(gpu.blas, gpu.stream);
    if (!bad) bad = (int)cublasSetWorkspace(gpu.blas, workspace, WORKSPACE);
    return bad ? say(error, room, "cuBLAS does not start (status %d)", bad) : 0;
}

static void stop()
{
    if (ready) cudaGraphExecDestroy(ready);
    if (gpu.blas) cublasDestroy(gpu.blas);
    cudaFree(workspace);
    if (gpu.stream) cudaStreamDestroy(gpu.stream);
    ready = NULL;
    workspace = NULL;
    gpu = gpu_state();
}

static int device_open(gm_device *d, gm_dtype precision, char *error, size_t room)
{
    static gm_kernels table;
    cudaDeviceProp p;
    int runtime = 0;
    size_t available = 0, total = 0;
    if (look(&p, error, room)) return -1;
    if (!users && start(error, room)) {
        stop();
        return -1;
    }
    if (users && gpu.precision != precision)
        return say(error, room, "the device is in use with another precision of products");
    users++;
    const char *e = getenv("GLAMM_CUDA_GRAPHS");
    graphs = e && !strcmp(e, "1");
    gpu.precision = precision;
    gpu.blocks = (int64_t)p.multiProcessorCount * 16;
    cudaRuntimeGetVersion(&runtime);
    cudaMemGetInfo(&available, &total);
    table = make_table();
    if (precision == GM_BF16) table.name = "cuda-bf16";
    memset(d, 0, sizeof *d);
    d->kernels = &table;
    d->memory.alloc = memory_alloc, d->memory.free = memory_free, d->memory.cache = true;
    d->memory.upload = memory_upload, d->memory.download = memory_download;
    d->memory.begin = step_begin, d->memory.end = step_end;
    d->caution = graphs ? CAUTION WITH : CAUTION WITHOUT;
    snprintf(d->description, sizeof d->description,
             "%.120s, compute %d.%d, %.1f of %.1f GB free, CUDA %d.%d", p.name, p.major, p.minor,
             (double)available / 1e9, (double)total / 1e9, runtime / 1000, runtime % 1000 / 10);
    return 0;
}

static void device_close(gm_device *d)
{
    memset(d, 0, sizeof *d);
    if (--users == 0) stop();
}

EXPORT const gm_device_library glamm_device = { sizeof(gm_kernels), sizeof(gm_device), device_open,
                                                device_close };
