/* health.h: whether the weights of a network look like those of mature networks: healthy, untrained, unhealthy or inconclusive, component by component, with what it means and what usually causes it.
 *
 * Judges vitals, so files and recorded runs alike; a file's values add what only they can tell. Not for finding out why a network does not train: the experiments do that. docs/health.md explains the
 * figures and the statistics. */
#ifndef TN_WEIGHTS_HEALTH_H
#define TN_WEIGHTS_HEALTH_H

#include <jansson.h>

#include "base/error.h"
#include "vitals/vitals.h"
#include "weights/component.h"
#include "weights/measure.h"

/* A network whose tensors are added one by one, then judged. */
typedef struct tn_health tn_health;

tn_status tn_health_create(tn_health **health, tn_error *error);
void tn_health_destroy(tn_health *health); /* NULL is allowed */

/* A tensor of which only vitals are known: its name, and its vitals. Both are copied. */
tn_status tn_health_add_vitals(tn_health *health, const char *name, const tn_vitals *vitals, tn_error *error);

/* The document of the schema tenet.health/1 (docs/health.md), a new reference. `source`: what was judged, an object that becomes its "source" (stolen). */
tn_status tn_health_judge(tn_health *health, json_t *source, json_t **document, tn_error *error);

/* A whole file of weights. */
tn_status tn_health_of_file(const char *path, json_t **document, tn_error *error);

/* The verdict as an exit code: 0 healthy, 1 unhealthy, 4 untrained or inconclusive. */
int tn_health_exit_code(const json_t *document);

#endif
