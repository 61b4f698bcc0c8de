build-stb/ref/ops_attention.o: ref/ops_attention.c ref/front.h \
 ref/context.h ref/tensor.h ref/error.h ref/glamm.h ref/kernels.h \
 ref/ops.h
ref/front.h:
ref/context.h:
ref/tensor.h:
ref/error.h:
ref/glamm.h:
ref/kernels.h:
ref/ops.h:
