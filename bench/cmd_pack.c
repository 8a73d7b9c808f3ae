/* mlcm pack: a model file of half the size. */
#include "arguments.h"
#include "../engine/checkpoint.h"
#include "command.h"

int cmd_pack(int argc, char **argv)
{
    const char *out = NULL;
    const struct option_row options[] = {
        {.name = "out", .letter = 'o', .text = &out, .value = "FILE", .help = "the copy"},
        {0}};
    const struct command_form form = {
        .example = "mlcm pack build/cache/vae-0123456789abcdef.h5 -o vae.h5",
        .usage = "mlcm pack MODEL.h5 -o OUT.h5",
        .purpose = "Copies a model file of `mlcm train` with its tensors in half precision. Results of the copy are its own:\n"
                   "it computes with the rounded weights, and documents name the copy's SHA-256.",
        .options = options, .least = 1, .most = 1};
    struct arguments a;
    struct error e = {0};
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (!out) {
        error_set(&e, ERR_USAGE, "an output file is needed: -o OUT.h5");
        return command_fail(&e);
    }
    return checkpoint_pack(a.positional[0], out, &e) ? command_fail(&e) : 0;
}
