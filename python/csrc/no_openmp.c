/* no_openmp.c: base/threads.c keeps OpenMP at one thread inside of its tiles. The extension is built without OpenMP, and its tiles call no library that has it: these two
 * say so, to base/threads.c alone, since the extension shows no symbols. A program's own OpenMP is not touched. */

extern void omp_set_num_threads(int threads);
extern int omp_get_max_threads(void);

void omp_set_num_threads(int threads)
{
    (void)threads;
}

int omp_get_max_threads(void)
{
    return 1;
}
