/* support_trainer_double.c: the support of trainers, linked against the engine in double. */
#include "engine/support_trainer.c" /* NOLINT(bugprone-suspicious-include): one source, two number types */
