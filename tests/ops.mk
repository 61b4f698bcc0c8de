# Every kernel case on both tables, with the worst error of each op: make ops [OP=softmax].
$(B)/ops: $(patsubst %,$(B)/tests/%.o,ops_main ops_run ops_calls ops_cases compare) $(B)/libglamm.a
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) -o $@
ops: $(B)/ops
	$(B)/ops $(OP)
.PHONY: ops
