build-stb/io/bpe.o: io/bpe.c io/bpe.h io/pieces.h io/../ref/error.h \
 io/../ref/glamm.h io/text.h io/unicode.h
io/bpe.h:
io/pieces.h:
io/../ref/error.h:
io/../ref/glamm.h:
io/text.h:
io/unicode.h:
