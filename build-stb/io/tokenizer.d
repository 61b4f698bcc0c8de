build-stb/io/tokenizer.o: io/tokenizer.c io/tokenizer.h io/../ref/error.h \
 io/../ref/glamm.h io/bpe.h io/pieces.h io/os.h io/text.h io/unicode.h
io/tokenizer.h:
io/../ref/error.h:
io/../ref/glamm.h:
io/bpe.h:
io/pieces.h:
io/os.h:
io/text.h:
io/unicode.h:
