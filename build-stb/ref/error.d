build-stb/ref/error.o: ref/error.c ref/error.h ref/glamm.h
ref/error.h:
ref/glamm.h:
