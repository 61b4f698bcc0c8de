# How fast, beside OpenBLAS in the same run: docs/SPEED.md.  make bench [BENCH="--quick --only sam"].
BENCH_O := $(patsubst %.c,$(B)/%.o,$(wildcard bench/*.c))
# wait4 gives a process's memory and processor time.
$(B)/bench/child.o: EXTRA := -D_DEFAULT_SOURCE
$(B)/glamm-bench: $(BENCH_O) $(B)/libglamm.a
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) -o $@
bench: $(B)/glamm-bench all
	$(B)/glamm-bench $(BENCH)
# Built by make check, so that it does not rot.
PROOF += $(B)/glamm-bench
.PHONY: bench
