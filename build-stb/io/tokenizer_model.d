build-stb/io/tokenizer_model.o: io/tokenizer_model.c io/pieces.h \
 io/../ref/error.h io/../ref/glamm.h
io/pieces.h:
io/../ref/error.h:
io/../ref/glamm.h:
