/* nets.h: the networks that benches train, with their synthetic data. Not a peer's: bench/steps.py has the same nets in PyTorch. */
#ifndef TN_BENCH_NETS_H
#define TN_BENCH_NETS_H

#include <stddef.h>

typedef struct bench_net {
    const char *name;
    size_t samples, size;
    const char *shape; /* of the set, as NumPy writes it */
    const char *nodes;
    size_t batch;
    size_t
        vocabulary; /* inputs are tokens below this, and each of `size` steps has one as its label; 0: inputs are reals, and a sample has one of ten classes */
} bench_net;

#define BENCH_NETS ((size_t)6)
extern const bench_net bench_nets[BENCH_NETS];

/* Ends the program. */
_Noreturn void bench_fail(const char *what);

/* Makes a temporary folder, puts the net's data there, and writes hypes that train on them into text [capacity]. `solver` is added to the solver's settings (", \"steps\": 9"). folder [64]. */
void bench_net_begin(const bench_net *net, const char *solver, char *folder, char *text, size_t capacity);

/* Removes data and folder. */
void bench_net_end(const char *folder);

#endif
