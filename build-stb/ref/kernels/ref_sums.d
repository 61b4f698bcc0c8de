build-stb/ref/kernels/ref_sums.o: ref/kernels/ref_sums.c \
 ref/kernels/ref_table.h ref/kernels/../kernels.h ref/kernels/typed.h
ref/kernels/ref_table.h:
ref/kernels/../kernels.h:
ref/kernels/typed.h:
