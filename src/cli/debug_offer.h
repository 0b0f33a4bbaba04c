/* debug_offer.h: what is said when learning has not begun (PROTOCOL B1): the command that finds out why. */
#ifndef TN_CLI_DEBUG_OFFER_H
#define TN_CLI_DEBUG_OFFER_H

#include "cli/options.h"

/* "tenet debug --set solver.learning_rate=0.1 net.json" for a `tenet train` with these options, quoted for a shell, into text [size]; cut where it is too long. */
void tn_debug_command(const tn_options *options, char *text, size_t size);

/* The line on stderr. */
void tn_debug_offer_print(const tn_options *options);

#endif
