# glamm.c.  make: library and program.  make demo, make check: see README.md.
.DEFAULT_GOAL := all
B       := build
CC      ?= cc
# c11 alone hides POSIX: only io/os.c and ref/plugin.c may use it.
STD     := -std=c11
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Werror
OPT     ?= -O2 -g
# openmp: kernels; PIC: one set of objects serves the static and the shared library.
CFLAGS_ALL = $(STD) $(WARN) $(OPT) -fopenmp -fPIC $(SAN)
LDLIBS  := -lopenblas -ljansson -lstemmer -lutf8proc -lxxhash -lz -lm
PREFIX  ?= /usr/local
# What make runs shares the machine with what it builds: OpenMP's threads wait asleep (io/os.h, gm_calm_threads).
export GOMP_SPINCOUNT ?= 1000
# Waiting OpenMP threads sleep: tests share the machine with each other and with the compiler.
export OMP_WAIT_POLICY ?= passive

# JPEG through libjpeg-turbo where it is installed (bit-equal to what the authors read), else stb_image.
JPEG    ?= $(shell pkg-config --exists libturbojpeg 2>/dev/null && echo turbo || echo stb)
ifeq ($(JPEG),turbo)
LDLIBS  += -lturbojpeg
endif

LIB_C   := $(wildcard ref/*.c ref/kernels/*.c io/*.c eval/*.c train/*.c)
# x86_*.c, arm_*.c: kernels for instructions that only some processors have; chosen when the program runs.
MACHINE := $(shell $(CC) -dumpmachine)
X86     := $(findstring x86_64,$(MACHINE))
FAMILY  := $(if $(X86),x86_,$(if $(findstring aarch64,$(MACHINE)),arm_,other_))
LIB_C   := $(filter-out $(patsubst %,ref/kernels/%%.c,$(filter-out $(FAMILY),x86_ arm_ other_)),$(LIB_C))
LIB_C   := $(filter-out io/jpeg_turbo.c io/jpeg_stb.c train/comm_none.c train/comm_mpi.c,$(LIB_C)) $(wildcard io/jpeg_$(JPEG).c)
# MPI=1: training by processes of several machines (docs/TRAINING.md).
LIB_C   += train/comm_$(if $(MPI),mpi,none).c
ifdef MPI
LDLIBS  += $(shell pkg-config --libs ompi-c)
$(B)/train/comm_mpi.o: EXTRA := $(shell pkg-config --cflags ompi-c)
endif
CLI_C   := $(wildcard cli/*.c)
TEST_C  := $(wildcard tests/test_*.c)
# What suites share; programs of their own (golden*, fuzz*, verify*) are built by tests/*.mk.
SUPPORT := $(filter-out tests/test_% tests/%_main.c tests/golden% tests/fuzz% tests/verify% %_kernels.c,$(wildcard tests/*.c))
DATA    := $(wildcard models/release-prompts.json models/semantic-classes.json io/font/DejaVuSans.ttf)

LIB_O   := $(LIB_C:%.c=$(B)/%.o) $(DATA:%=$(B)/%.o)
CLI_O   := $(CLI_C:%.c=$(B)/%.o)

all: $(B)/libglamm.a $(B)/libglamm.so $(B)/glamm

comma := ,
# $(call note,FILE,TEXT): FILE holds TEXT and is rewritten only when that changes, so that what depends on
# it is made anew with other flags, another JPEG reader, a file more or less.
same = $(and $(findstring x$1x,x$2x),$(findstring x$2x,x$1x))
note = $(if $(call same,$(file <$1),$2),,$(shell mkdir -p $(dir $1))$(file >$1,$2))$1
FLAGS   := $(call note,$(B)/flags,$(CC) $(CFLAGS_ALL))
OBJECTS := $(call note,$(B)/objects,$(LIB_O))
TESTS   := $(call note,$(B)/tests/list,$(TEST_C))

$(B)/%.o: %.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(EXTRA) -MMD -MP -c $< -o $@

# The oracle: no contraction of a*b+c, so that its bits are the formula's on every compiler.
$(B)/ref/kernels/ref_%.o: EXTRA := -ffp-contract=off
# Drawn scenes: the same bits on every machine.
$(B)/train/shapes_%.o: EXTRA := -ffp-contract=off
# The cpu table: -O3 vectorises its loops; fma where the processor has it (c11 alone forbids it); errno
# and floating-point traps, which nothing here reads, would forbid vectors.  Still no fast-math.
# GM_CLONES: ref/kernels/cpu_vec.h.  Not under a sanitizer, which cannot run
# before ifuncs are resolved, nor with clang, whose clones bear names that other files do not find.
# no-pass-failed: clang warns of every loop that it leaves scalar (at -O1, under a sanitizer).
CLONES  := __attribute__((target_clones("arch=x86-64-v4","arch=x86-64-v3","default")))
CLONES  := $(if $(SAN)$(findstring clang,$(shell $(CC) --version)),,$(shell echo 'int f(void); $(CLONES) int f(void) { return 0; }' | \
             $(CC) -Werror -x c -c -o /dev/null - 2>/dev/null && echo '$(CLONES)'))
$(B)/ref/kernels/cpu_%.o: EXTRA := -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math -Wno-pass-failed \
  '-DGM_CLONES=$(CLONES)' -DGM_PREFETCH=__builtin_prefetch
# Kernels that do nothing with what they are given.
$(B)/ref/kernels/none.o: EXTRA := -Wno-unused-parameter
# The optimiser's loops: vectorised; errno, which nothing here reads, would forbid it.
$(B)/train/adamw.o $(B)/train/comm_fork.o: EXTRA := -O3 -fno-math-errno -fno-trapping-math -Wno-pass-failed
$(B)/ref/kernels/x86_avx512.o $(B)/ref/kernels/x86_avx512_k.o $(B)/ref/kernels/x86_few.o $(B)/ref/kernels/x86_avx512_cache.o: EXTRA := -O3 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -ffp-contract=fast
$(B)/ref/kernels/x86_vnni.o $(B)/ref/kernels/x86_int8.o $(B)/ref/kernels/x86_few8.o: EXTRA := -O3 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c \
  -ffp-contract=fast
$(B)/ref/kernels/x86_amx.o: EXTRA := -O3 -mamx-tile -mamx-bf16 -mamx-int8 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma \
  -ffp-contract=fast -D_DEFAULT_SOURCE
$(B)/ref/kernels/x86_bf16.o: EXTRA := -O3 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512bf16 -mfma \
  -ffp-contract=fast
$(B)/ref/kernels/x86_avx2.o $(B)/ref/kernels/x86_avx2_k.o $(B)/ref/kernels/x86_avx2_k8.o $(B)/ref/kernels/x86_avx2_cache.o: EXTRA := -O3 -mavx2 -mfma -mf16c -ffp-contract=fast
$(B)/ref/kernels/arm_neon.o $(B)/ref/kernels/arm_neon_k.o $(B)/ref/kernels/arm_neon8.o: EXTRA := -O3 -ffp-contract=fast
$(B)/ref/kernels/arm_dotprod.o: EXTRA := -O3 -march=armv8.2-a+dotprod -ffp-contract=fast
$(B)/io/os.o: EXTRA := -D_DEFAULT_SOURCE
$(B)/io/processes.o: EXTRA := -D_DEFAULT_SOURCE
$(B)/ref/plugin.o: EXTRA := -D_POSIX_C_SOURCE=200809L
# The stb headers declare static functions that are not built here; sums over damaged files may wrap.
$(B)/io/stb.o $(B)/io/font.o: EXTRA := -Wno-unused-function -fwrapv

# Data files become objects: _binary_models_release_prompts_json_start.
$(DATA:%=$(B)/%.o): $(B)/%.o: %
	@mkdir -p $(@D)
	$(LD) -r -b binary -z noexecstack $< -o $@

$(B)/libglamm.a: $(LIB_O) $(OBJECTS)
	rm -f $@ && $(AR) rcs $@ $(LIB_O)
# z,defs: no symbol is left to be found by luck; not under a sanitizer, whose symbols the program brings.
$(B)/libglamm.so: $(LIB_O) $(OBJECTS) ref/glamm.map
	$(CC) $(SAN) -shared -fopenmp -Wl,-soname,libglamm.so.0 -Wl,--version-script=ref/glamm.map \
	    $(if $(SAN),,-Wl$(comma)-z$(comma)defs) $(LIB_O) $(LDLIBS) -o $@
$(B)/glamm: $(CLI_O) $(B)/libglamm.a
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) -o $@

# One Check program; every tests/test_NAME.c has `Suite *test_NAME(void)`.
CHECK_LIBS := -lcheck -lsubunit -lrt -lpthread
$(B)/tests/suites.h: $(TESTS)
	@printf '#define SUITES(X)%s\n' "$(patsubst tests/%.c, X(%),$(TEST_C))" > $@
$(B)/tests/check_main.o: $(B)/tests/suites.h
# no-missing-prototypes: check_main.c declares the suites.
$(B)/tests/%.o: EXTRA := -I$(B)/tests -Wno-missing-prototypes
$(B)/check: $(TEST_C:%.c=$(B)/%.o) $(B)/tests/check_main.o $(SUPPORT:%.c=$(B)/%.o) $(B)/libglamm.a
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) $(CHECK_LIBS) -o $@

clean:
	rm -rf $(B)
.PHONY: all clean
-include $(shell find $(B) -name '*.d' 2>/dev/null)
include $(wildcard tests/*.mk bench/*.mk train/*.mk gpu/*.mk)
