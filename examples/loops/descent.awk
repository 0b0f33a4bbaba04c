# descent.awk: a line is fitted to points by gradient descent; any language can be debugged. Find out: tenet debug --hypes descent.json -- ./descent.sh descent.json
# Reads the numbers that descent.sh took from its file of hypes; appends a line of JSON a step to $TENET_LOG.
BEGIN {
    log_file = ENVIRON["TENET_LOG"] != "" ? ENVIRON["TENET_LOG"] : "/dev/stdout"
    srand(seed)
    for (i = 0; i < 64; i++) {
        x[i] = 2 * rand() - 1
        y[i] = 3 * x[i] + 1 + 0.1 * (rand() - 0.5)
    }
    for (step = 1; step <= steps; step++) {
        loss = slope = offset = 0
        for (i = 0; i < 64; i++) {
            error = w * x[i] + b - y[i]
            loss += error * error / 64
            slope += 2 * error * x[i] / 64
            offset += 2 * error / 64
        }
        printf "{\"step\": %d, \"loss\": %.9g, \"learning_rate\": %g, \"samples\": %d}\n", step, loss, rate, 64 * step >> log_file
        fflush(log_file)
        w -= rate * slope
        b -= rate * offset
    }
}
