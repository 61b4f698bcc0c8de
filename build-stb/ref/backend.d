build-stb/ref/backend.o: ref/backend.c ref/backend.h ref/error.h \
 ref/glamm.h ref/kernels.h
ref/backend.h:
ref/error.h:
ref/glamm.h:
ref/kernels.h:
