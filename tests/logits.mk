# build/logits: teacher-forced logits of a text model, for golden/check_llama_cpp.py.
$(B)/logits: $(B)/tests/logits_main.o $(B)/libglamm.a
	$(CC) $(SAN) -fopenmp $^ $(LDLIBS) -o $@
