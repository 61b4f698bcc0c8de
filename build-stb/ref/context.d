build-stb/ref/context.o: ref/context.c ref/context.h ref/tensor.h \
 ref/error.h ref/glamm.h ref/kernels.h ref/../io/os.h \
 ref/../io/../ref/error.h
ref/context.h:
ref/tensor.h:
ref/error.h:
ref/glamm.h:
ref/kernels.h:
ref/../io/os.h:
ref/../io/../ref/error.h:
