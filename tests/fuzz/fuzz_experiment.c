/* Experiment files, from their text to the checked sizes. */
#include "fuzz.h"
#include "../../bench/experiment.h"
#include "../../engine/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct experiment x;
    struct error e = {0};
    if (!fuzz_verdict(experiment_read(fuzz_file(0, data, size), &x, &e), &e)) experiment_free(&x);
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const folder = "bench/experiments";
    char **names = NULL, path[400];
    int count = 0;
    struct error e;
    fuzz_seed_file("micro", "tests/chain_micro.json", NULL, 0);
    if (file_list(folder, &names, &count, &e)) fuzz_breach(e.text);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (strstr(names[i], ".json")) fuzz_seed_file(names[i], path, NULL, 0);
    }
    file_list_free(names, count);
}
