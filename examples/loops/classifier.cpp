// classifier.cpp: logistic regression on two clouds of points, in C++; its features are far from unit scale. Find out: tenet debug -- ./classifier
// Build: c++ classifier.cpp -o classifier $(pkg-config --cflags --libs tenet)
#include <cmath>
#include <random>
#include <string>
#include <tenet.h>
#include <vector>

int main()
{
    constexpr int samples = 1000, features = 6;
    tn_run *run = tn_run_begin("classifier", nullptr, nullptr);
    double rate = tn_knob_f64(run, "learning_rate", 0.1);
    int64_t batch = tn_knob_i64(run, "batch_size", 20), used = tn_knob_i64(run, "samples", samples),
            steps = tn_knob_i64(run, "steps", 1000);
    bool standardize = tn_knob_text(run, "input_scale", "none") == std::string("standardize");
    std::mt19937 data(5), order(static_cast<unsigned>(tn_knob_i64(run, "seed", 1)));
    std::normal_distribution<float> normal;
    std::vector<float> x(samples * features), y(samples), w(features + 1), g(features + 1);
    for (int i = 0; i < samples; i++) {
        y[i] = static_cast<float>(data() % 2);
        for (int k = 0; k < features; k++)
            x[i * features + k] =
                (normal(data) + (y[i] > 0 ? 0.8f : -0.8f)) * (standardize ? 0.78f : 1000.0f) + (standardize ? 0 : 5000.0f);
    }
    for (int64_t step = 0; step < steps; step++) {
        double loss = 0;
        g.assign(features + 1, 0);
        for (int64_t b = 0; b < batch; b++) {
            int64_t i = order() % static_cast<uint64_t>(used);
            float z = w[features];
            for (int k = 0; k < features; k++)
                z += w[k] * x[i * features + k];
            loss += (std::fmax(z, 0.0f) - z * y[i] + std::log1p(std::exp(-std::fabs(z)))) / static_cast<double>(batch);
            float d = (1 / (1 + std::exp(-z)) - y[i]) / static_cast<float>(batch);
            for (int k = 0; k <= features; k++)
                g[k] += d * (k < features ? x[i * features + k] : 1);
        }
        const int64_t table[] = {samples, features}, shape[] = {features + 1};
        tn_run_tensor(run, "input", TN_TENSOR_INPUT, TN_DTYPE_FLOAT32, 2, table, nullptr, x.data());
        tn_run_tensor(run, "dense.weight", TN_TENSOR_GRADIENT, TN_DTYPE_FLOAT32, 1, shape, nullptr, g.data());
        if (!tn_run_step(run, loss, rate, static_cast<uint64_t>(batch)))
            break;
        for (int k = 0; k <= features; k++)
            w[k] -= static_cast<float>(rate) * g[k];
    }
    return tn_run_end(run, nullptr) != TN_OK;
}
