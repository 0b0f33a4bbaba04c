/* debug_once.h: one walk through the protocol, for debug_chain.c, which goes on where a change was confirmed. */
#ifndef TN_EXPERIMENTS_DEBUG_ONCE_H
#define TN_EXPERIMENTS_DEBUG_ONCE_H

#include "experiments/debug.h"

/* As tn_debug_run, of the subject as it is: "chain" stays empty. */
tn_status tn_debug_once(tn_subject *subject, const tn_debug_options *options, json_t **report, tn_error *error);

#endif
