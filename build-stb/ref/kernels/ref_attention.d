build-stb/ref/kernels/ref_attention.o: ref/kernels/ref_attention.c \
 ref/kernels/ref_table.h ref/kernels/../kernels.h
ref/kernels/ref_table.h:
ref/kernels/../kernels.h:
