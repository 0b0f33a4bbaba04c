/* link.h: a training program's end of the conversation with the process that watches it (wire.h).
 *
 * Records are gathered and sent at the end of a step, at the latest (but see tn_link_pace). A parent that is gone makes every later call do nothing: the program goes on as if nobody watched. Calls may
 * come from any thread; records of one call stay together. No function here prints or ends the program. */
#ifndef TN_RUN_LINK_H
#define TN_RUN_LINK_H

#include <stdbool.h>

#include "run/wire.h"

typedef struct tn_link tn_link;

/* Connects to `address`: "@name" is a Unix socket in the abstract namespace, which no mount hides; else the path of one. The other end must belong to the same user. */
tn_status tn_link_open(const char *address, tn_link **link, tn_error *error);

/* Sends what is left and closes. NULL is allowed. */
void tn_link_close(tn_link *link);

/* Closes without sending: in the child of a fork, whose parent still talks over this socket. */
void tn_link_abandon(tn_link *link);

/* One record. A failure to send is remembered, and tn_link_is_alive tells it. */
void tn_link_text(tn_link *link, tn_wire_type type, const char *json);
void tn_link_tensor(tn_link *link, uint32_t index, const tn_tensor_name *name);
void tn_link_units(tn_link *link, uint64_t step, uint32_t index, const tn_unit_vitals *units, uint64_t batch);
void tn_link_vitals(tn_link *link, uint64_t step, uint32_t index, const tn_vitals *vitals);
void tn_link_score(tn_link *link, const tn_score_point *point);

/* Lets steps that follow each other closely share a sending: one that ends less than so long after the last is sent with a later one, and hears the other end then. 0, as
 * at the start: each is sent at its end. Waking the other end costs as much as a small network's whole step. */
void tn_link_pace(tn_link *link, uint64_t nanoseconds);

/* The end of a step: sends everything gathered, and hears what the other end wants. false: it wants the program to stop here. */
bool tn_link_step(tn_link *link, const tn_step *step);

/* From another thread, about once a step: sends what is gathered, and hears the other end, where it is time by tn_link_pace. While it comes as often as that, the program's own thread leaves both
 * to it, up to four times as long: sending wakes the other end, which costs some 50 us where its processor sleeps. */
void tn_link_visit(tn_link *link);
void tn_link_flush(tn_link *link);

/* Whether anybody listens. */
bool tn_link_is_alive(const tn_link *link);

/* Waits for the next record from the other end (a program that serves forks). false: the other end is gone. `seconds` < 0: for ever; *has is false where time ran out. */
bool tn_link_wait(tn_link *link, double seconds, bool *has, tn_wire_record *record);

#endif
