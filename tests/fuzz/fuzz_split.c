/* Lists of clip names, as train.txt and test.txt are. */
#include "fuzz.h"
#include "../../datasets/text_lines.h"
#include "../../engine/file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char **names = NULL;
    int count = 0;
    struct error e = {0};
    if (fuzz_verdict(names_read(fuzz_file(0, data, size), &names, &count, &e), &e)) return 0;
    for (int i = 0; i < count; i++)
        if (!names[i][0] || names[i][0] == '.' || strchr(names[i], '/')) fuzz_breach("a name that leaves its folder");
    file_list_free(names, count);
    return 0;
}

void fuzz_seeds(void)
{
    static const char list[] = "000001\r\n  M000002 \n\n000009\n007975";
    fuzz_seed("list", list, sizeof list - 1);
}
