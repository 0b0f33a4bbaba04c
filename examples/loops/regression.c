/* regression.c: linear regression, at a learning rate that is too high. Find out: tenet debug -- ./regression
 * Build: cc regression.c -o regression $(pkg-config --cflags --libs tenet) */
#include <stdlib.h>
#include <tenet.h>

enum { FEATURES = 8, SAMPLES = 1000 };

int main(void)
{
    static double x[SAMPLES][FEATURES], y[SAMPLES], weight[FEATURES];
    tn_run *run = tn_run_begin("regression", NULL, NULL);
    double rate = tn_knob_f64(run, "learning_rate", 8);
    int64_t steps = tn_knob_i64(run, "steps", 1000), batch = tn_knob_i64(run, "batch_size", 20),
            samples = tn_knob_i64(run, "samples", SAMPLES);
    for (int i = 0; i < SAMPLES; i++)
        for (int k = 0; k < FEATURES; k++) {
            x[i][k] = 2 * drand48() - 1;
            y[i] += (k - 3) * x[i][k];
        }
    srand48(tn_knob_i64(run, "seed", 1));
    for (int64_t step = 0; step < steps; step++) {
        double loss = 0, gradient[FEATURES] = {0};
        for (int64_t b = 0; b < batch; b++) {
            int64_t i = lrand48() % samples;
            double error = -y[i];
            for (int k = 0; k < FEATURES; k++)
                error += weight[k] * x[i][k];
            loss += error * error / (double)batch;
            for (int k = 0; k < FEATURES; k++)
                gradient[k] += 2 * error * x[i][k] / (double)batch;
        }
        tn_run_tensor(run, "dense.weight", TN_TENSOR_GRADIENT, TN_DTYPE_FLOAT64, 1, (int64_t[]){FEATURES}, NULL, gradient);
        if (!tn_run_step(run, loss, rate, (uint64_t)batch))
            break;
        for (int k = 0; k < FEATURES; k++)
            weight[k] -= rate * gradient[k];
    }
    return tn_run_end(run, NULL) != TN_OK;
}
