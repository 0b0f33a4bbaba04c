/* new_layer.h: the files that `tenet gradcheck new NAME` writes, as they stand in the sources; made by new_layer/embed.cmake. In a template {{name}} stands for the layer's name. */
#ifndef TN_CLI_NEW_LAYER_H
#define TN_CLI_NEW_LAYER_H

#include <stddef.h>

extern const unsigned char tn_new_layer_0[]; /* include/tenet_layer.h */
extern const unsigned char tn_new_layer_1[]; /* new_layer/layer.c.in */
extern const unsigned char tn_new_layer_2[]; /* new_layer/Makefile.in */
extern const size_t tn_new_layer_0_size, tn_new_layer_1_size, tn_new_layer_2_size;

#endif
