# Is this kernel right?  docs/VERIFY.md
#
# make verify KERNELS=mine.c|mine.cu|mine.so [OP=softmax] [CASE='3x7 in +-4'] [LIMIT=SECONDS] [JSON=1] [BENCH=1]
# make verify KERNELS=mine.c WHOLE=golden/mini [CASE=gcg] ...
# make verify BACKEND=ref|cpu|cuda ...
# mine.cu: on a GPU where there are one and nvcc, else on the emulated one.
# KFLAGS, KLIBS: how mine.c is built.
KFLAGS  ?= -std=gnu11 -O2 -g -Wall -fopenmp
KLIBS   ?= -lm
VERIFY_O := $(patsubst %.c,$(B)/%.o,$(wildcard tests/verify*.c)) \
            $(patsubst %,$(B)/tests/%.o,ops_run ops_calls ops_cases compare) \
            $(filter-out $(B)/tests/golden.o,$(GOLDEN_O))
# Processes, pipes, anonymous pages.
$(B)/tests/verify_child.o $(B)/tests/verify_process.o: EXTRA := -D_DEFAULT_SOURCE

$(B)/verify: $(VERIFY_O) $(B)/libglamm.a | $(B)/include/kernels.h
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) -o $@

# Outside files see kernels.h and nothing else of the project.
$(B)/include/kernels.h: ref/kernels.h
	@mkdir -p $(@D)
	@cp $< $@
OUTSIDE  = $(CC) $(KFLAGS) -fPIC -shared -I$(B)/include
# The same in CUDA, for a GPU and for the emulated one.
OUTSIDE_CU  = $(NVCC) -std=c++14 -O3 -lineinfo -shared -Xcompiler -fPIC,-fvisibility=hidden $(NVARCH) -I$(B)/include -Igpu
OUTSIDE_EMU = $(CXX) $(EMUFLAGS) -Wno-error $(EMUSAN) -shared -I$(B)/include -Igpu
# What repeats a failure: as it was asked for, less OP and CASE.
AGAIN = $(if $(EMU_ORDER),EMU_ORDER=$(EMU_ORDER) )make verify KERNELS=$(KERNELS)$(if $(findstring command,$(origin KFLAGS)), \
        KFLAGS="$(KFLAGS)")$(if $(findstring command,$(origin KLIBS)), KLIBS="$(KLIBS)")$(if $(WHOLE), WHOLE=$(WHOLE))
# A source is built anew each time: KFLAGS may have changed.
verify: $(B)/verify
	@set -e; run=; kernels='$(KERNELS)'; \
	case "$$kernels" in \
	*.c) mkdir -p $(B)/kernels; built=$(B)/kernels/$$(basename "$$kernels" .c).so; \
	     $(OUTSIDE) "$$kernels" $(KLIBS) -o "$$built"; kernels=$$built;; \
	*.cu) mkdir -p $(B)/kernels; built=$(B)/kernels/$$(basename "$$kernels" .cu).so; \
	     $(MAKE) --no-print-directory $(GPU_LIBRARY); run='$(GPU_RUN)'; \
	     if [ -z "$$run" ]; then $(OUTSIDE_CU) "$$kernels" -o "$$built"; \
	     else $(OUTSIDE_EMU) -x c++ "$$kernels" -x none $(EMU_CC:%=$(B)/emu/%.o) -o "$$built"; fi; kernels=$$built;; \
	'' | *.so | *.so.*) ;; \
	*) echo "KERNELS=$$kernels: wanted .c, .cu or .so" >&2; exit 2;; \
	esac; \
	case '$(BACKEND)' in cuda*) $(MAKE) --no-print-directory $(GPU_LIBRARY); run='$(GPU_RUN)';; esac; \
	exec $$run $(B)/verify $(if $(OP),--op '$(OP)') $(if $(WHOLE),--whole '$(WHOLE)') $(if $(CASE),--case '$(CASE)') $(if $(LIMIT),--limit '$(LIMIT)') \
	    $(if $(JSON),--json) $(if $(BENCH),--bench) $(if $(KERNELS)$(BACKEND),,--backend '') \
	    $(if $(BACKEND),--backend '$(BACKEND)') $(if $(KERNELS),--again '$(AGAIN)' "$$kernels")

# Does it catch mistakes?  Some twenty minutes: eleven hundred, planted one at a time.  RULE: some alone.
mutants: $(B)/verify $(B)/libglamm_emu.so
	@EMU_COMPILE='$(CXX) $(EMUFLAGS) $(EMUSAN)' bash tests/mutants.sh $(B) '$(RULE)'
.PHONY: verify mutants
