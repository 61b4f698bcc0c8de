build-stb/ref/front.o: ref/front.c ref/front.h ref/context.h ref/tensor.h \
 ref/error.h ref/glamm.h ref/kernels.h ref/ops.h ref/../io/os.h \
 ref/../io/../ref/error.h
ref/front.h:
ref/context.h:
ref/tensor.h:
ref/error.h:
ref/glamm.h:
ref/kernels.h:
ref/ops.h:
ref/../io/os.h:
ref/../io/../ref/error.h:
