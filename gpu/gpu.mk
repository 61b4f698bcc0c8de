# The CUDA backend, and its emulation on the CPU: gpu/README.md.
#
# make CUDA=1     build/libglamm_cuda.so, with nvcc; the program finds it beside itself
# make emu        build/libglamm_emu.so, with g++; GLAMM_CUDA=build/libglamm_emu.so glamm run ... --backend cuda
GPU_CU   := $(wildcard gpu/*.cu)
GPU_H    := $(wildcard gpu/*.h gpu/emu/*.h) ref/kernels.h ref/tensor.h ref/device.h
NVCC     ?= $(firstword $(wildcard /usr/local/cuda/bin/nvcc) nvcc)
# Code for A100 and H100, and PTX for what comes later.
NVARCH   := -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90 \
            -gencode arch=compute_90,code=compute_90
NVFLAGS  := -std=c++14 -O3 -lineinfo -Werror all-warnings -Xptxas -warn-spills \
            -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra $(NVARCH)

# The emulation: sanitizers on, whole files for x86-64, any POSIX system with the other switch.
FIBER    := $(if $(filter x86_64,$(shell uname -m)),x86_64,ucontext)
EMU_CC   := $(filter-out gpu/emu/fiber_%,$(wildcard gpu/emu/*.cc)) gpu/emu/fiber_$(FIBER).cc
CXX      ?= g++
# no-pragmas: #pragma unroll is CUDA's.
EMUFLAGS := -std=c++14 -O2 -g -DGPU_EMU -Wall -Wextra -Wno-unknown-pragmas -Werror -fPIC \
            -fvisibility=hidden
EMUSAN   := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
            -fsanitize-sections=emu_shared
EMU_O    := $(GPU_CU:%=$(B)/emu/%.o) $(EMU_CC:%=$(B)/emu/%.o)

$(B)/gpu/%.cu.o: gpu/%.cu $(GPU_H)
	@mkdir -p $(@D)
	$(NVCC) $(NVFLAGS) -c $< -o $@
$(B)/libglamm_cuda.so: $(GPU_CU:%=$(B)/%.o)
	$(NVCC) -shared $(NVARCH) $^ -o $@ -lcublas
ifeq ($(CUDA),1)
all: $(B)/libglamm_cuda.so
endif

$(B)/emu/%.cu.o: %.cu $(GPU_H)
	@mkdir -p $(@D)
	$(CXX) $(EMUFLAGS) $(EMUSAN) -x c++ -c $< -o $@
$(B)/emu/%.cc.o: %.cc $(GPU_H)
	@mkdir -p $(@D)
	$(CXX) $(EMUFLAGS) $(EMUSAN) -c $< -o $@
$(B)/libglamm_emu.so: $(EMU_O)
	$(CXX) $(EMUSAN) -shared $^ -o $@
emu: $(B)/libglamm_emu.so

# What --backend cuda takes, and how programs run then: a GPU where there are one and nvcc, else the
# emulation.
GPU_HERE    = $(shell nvidia-smi -L > /dev/null 2>&1 && command -v $(NVCC))
GPU_LIBRARY = $(B)/libglamm_$(if $(GPU_HERE),cuda,emu).so
GPU_RUN     = $(if $(GPU_HERE),,env GLAMM_CUDA=$(B)/libglamm_emu.so gpu/emu/run.sh)

# The same for make check; a device without kernels, whose every slot comes from the CPU.
$(B)/hollow_kernels.so: tests/hollow_kernels.c ref/device.h ref/tensor.h ref/kernels.h
	$(CC) $(STD) $(WARN) $(OPT) -fPIC -shared $< -o $@
EMU_PROOF := $(B)/libglamm_emu.so $(B)/hollow_kernels.so
# make check-emu: what make check runs of it, and every case of golden/mini.
check-emu: deps-check
	@$(MAKE) --no-print-directory all $(PROOF) $(EMU_PROOF)
	@bash tests/emu.sh $(B) all

# What a bare machine with a GPU lacks of Debian's libraries, for gpu/run_on_gpu.sh there.  Run here.
KIT      := libopenblas-openmp-dev libopenblas0-openmp libgfortran5 libquadmath0 libjansson-dev libjansson4 \
            libturbojpeg0-dev libturbojpeg0 libstb-dev zlib1g-dev check libsubunit-dev libsubunit0
gpu-kit:
	@rm -rf build/gpu-kit && mkdir -p build/gpu-kit/root
	cd build/gpu-kit && apt-get download -q $(KIT)
	@cd build/gpu-kit && for d in *.deb; do dpkg-deb -x $$d root || exit 1; done && rm -rf *.deb root/usr/share && \
	    find root -name '*.a' ! -name 'libcheck*' ! -name 'libz.a' -delete && tar -cJf kit.tar.xz root && rm -r root
	@du -sh build/gpu-kit
.PHONY: emu check-emu gpu-kit
