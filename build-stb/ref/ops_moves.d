build-stb/ref/ops_moves.o: ref/ops_moves.c ref/front.h ref/context.h \
 ref/tensor.h ref/error.h ref/glamm.h ref/kernels.h ref/ops.h
ref/front.h:
ref/context.h:
ref/tensor.h:
ref/error.h:
ref/glamm.h:
ref/kernels.h:
ref/ops.h:
