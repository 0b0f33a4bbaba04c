/* support_weights.h: files of weights that tests make up, and tensors drawn as initialisers draw them. */
#ifndef TN_TESTS_SUPPORT_WEIGHTS_H
#define TN_TESTS_SUPPORT_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "vitals/vitals.h"
#include "weights/component.h"

/* A safetensors file in memory: the header's JSON and `data_size` bytes of zeros behind it. malloc'd; *size is its length. */
uint8_t *make_safetensors(const char *header, size_t data_size, size_t *size);

/* Writes bytes [size] to a new file of the test's folder; the path is malloc'd. */
char *write_file(const char *suffix, const void *bytes, size_t size);
char *fresh_path(const char *suffix); /* of a file that does not exist yet */

typedef enum drawn { DRAWN_BOX, DRAWN_BELL, DRAWN_CUT_BELL, DRAWN_LONG_TAIL } drawn;

/* values [count] of a shape with the scale: half-width of the box, standard deviation of the bells, about that of the long tail. */
void draw(tn_rng *rng, drawn shape, double scale, float *values, size_t count);

/* The vitals of values [count]. */
tn_vitals vitals_of(const float *values, size_t count);

/* A component with shape [rows, columns], of which axis 0 counts the outputs. */
tn_component dense_component(const char *name, size_t rows, size_t columns);

#endif
