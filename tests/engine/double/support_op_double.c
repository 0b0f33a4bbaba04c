/* support_op_double.c: the runner of single ops, compiled for the double engine as the ops themselves are. */
#include "engine/support_op.c" /* NOLINT(bugprone-suspicious-include): one source, two number types */
