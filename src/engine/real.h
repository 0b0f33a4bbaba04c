/* real.h: the number type of the engine.
 *
 * The library computes in float. The tests build the same sources a second time with TN_REAL_DOUBLE, so that gradients are checked per element,
 * signed, in double, against the very code that trains. Fast float-only kernels stand behind TN_REAL_DOUBLE guards with a plain twin,
 * and are compared with the double build. */
#ifndef TN_ENGINE_REAL_H
#define TN_ENGINE_REAL_H

#ifdef TN_REAL_DOUBLE
typedef double tn_real;
#define TN_REAL(function) function
#else
typedef float tn_real;
#define TN_REAL(function) function##f /* TN_REAL(exp)(x) is expf or exp */
#endif

#endif
