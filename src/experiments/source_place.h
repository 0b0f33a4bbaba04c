/* source_place.h: which line of an attached program a path of a patch speaks of, by the places that the program told (docs/attach.md). */
#ifndef TN_EXPERIMENTS_SOURCE_PLACE_H
#define TN_EXPERIMENTS_SOURCE_PLACE_H

#include "experiments/investigation.h"

/* {"file", "line", "text"} of what stands at `path`, borrowed; NULL where it is not known. `places` may be NULL. */
const json_t *tn_source_place(const json_t *places, const char *path);

/* Puts the file and line of a place into `object`, as far as it has them. */
void tn_source_put(tn_investigation *investigation, json_t *object, const json_t *place);

/* [{"file", "line", "was", "change"}] for every path of `patch` (a new reference); file, line and was are absent where the place is not known. */
json_t *tn_source_lines(tn_investigation *investigation, const json_t *patch);

#endif
