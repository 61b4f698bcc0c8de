# How fast, beside OpenBLAS in the same run: docs/SPEED.md.  make bench [BENCH="--quick --only sam"].
BENCH_O := $(patsubst %.c,$(B)/%.o,$(filter-out bench/peak_$(if $(X86),none,x86).c,$(wildcard bench/*.c)))
# The sum that reads memory, as the cpu table's loops.
$(B)/bench/products.o: EXTRA := -O3 '-DGM_CLONES=$(CLONES)'
# wait4 gives a process's memory and processor time.
$(B)/bench/child.o: EXTRA := -D_DEFAULT_SOURCE
$(B)/glamm-bench: $(BENCH_O) $(B)/libglamm.a
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) -o $@
bench: $(B)/glamm-bench all
	$(B)/glamm-bench $(BENCH)
# Built by make check, so that it does not rot.
PROOF += $(B)/glamm-bench
.PHONY: bench
