/* tenet_health.h: whether the weights of a network look like those of mature networks. Part of tenet.h.
 *
 *     tn_weights_health *health;
 *     if (tn_weights_health_of_file("model.safetensors", &health, &error) == TN_OK) {
 *         puts(tn_weights_health_to_text(health, false, 0));
 *         tn_weights_health_destroy(health);
 *     }
 *
 * Nothing here trains or needs a session, and every function may be called from any thread. Strings are freed with tn_string_free. */
#ifndef TENET_HEALTH_H
#define TENET_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tenet_status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_weights_health tn_weights_health;

/* The weights of a file: safetensors or npz. TN_ERROR_UNSUPPORTED, with what to do, for a pickle and other kinds; TN_ERROR_DATA for a damaged file. The caller destroys *health. */
tn_status tn_weights_health_of_file(const char *path, tn_weights_health **health, tn_error *error);

/* The weights of run number `run` of a store, as they were observed last. TN_ERROR_USAGE where there is no such run, or none of its weights were observed. */
tn_status tn_weights_health_of_run(const char *store_path, int64_t run, tn_weights_health **health, tn_error *error);

/* The text for a terminal of `width` columns (0: 100), and the document of the schema tenet.health/1 (docs/health.md). NULL where memory is out. */
char *tn_weights_health_to_text(const tn_weights_health *health, bool colour, size_t width);
char *tn_weights_health_to_json(const tn_weights_health *health);

/* The exit code: 0 healthy, 1 unhealthy, 4 untrained or inconclusive. */
int tn_weights_health_code(const tn_weights_health *health);
void tn_weights_health_destroy(tn_weights_health *health); /* NULL is allowed */

#ifdef __cplusplus
}
#endif

#endif
