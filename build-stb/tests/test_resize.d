build-stb/tests/test_resize.o: tests/test_resize.c tests/../io/image.h \
 tests/../io/../ref/config.h tests/../io/../ref/error.h \
 tests/../io/../ref/glamm.h tests/../io/os.h tests/sha256.h
tests/../io/image.h:
tests/../io/../ref/config.h:
tests/../io/../ref/error.h:
tests/../io/../ref/glamm.h:
tests/../io/os.h:
tests/sha256.h:
