build-stb/ref/memory.o: ref/memory.c ref/../io/os.h \
 ref/../io/../ref/error.h ref/../io/../ref/glamm.h ref/context.h \
 ref/tensor.h ref/error.h ref/kernels.h
ref/../io/os.h:
ref/../io/../ref/error.h:
ref/../io/../ref/glamm.h:
ref/context.h:
ref/tensor.h:
ref/error.h:
ref/kernels.h:
