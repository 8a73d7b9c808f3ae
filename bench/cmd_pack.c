/* mlcm pack: a model file of half the size, or as PyTorch reads it. */
#include "arguments.h"
#include "../engine/checkpoint.h"
#include "../engine/torch_write.h"
#include "command.h"
#include <string.h>

/* Evaluators as finest.tar has them, everything else as one state_dict. */
static int write_torch(const char *from, const char *to, struct error *e)
{
    static const struct torch_section whole = {"state_dict", ""};
    static const struct torch_section evaluator[3] = {{"text_encoder", "text_encoder."}, {"motion_encoder", "motion_encoder."},
                                                      {"movement_encoder", "movement_encoder."}};
    static const struct torch_number numbers[2] = {{"epoch", 0}, {"iter", 0}};
    struct weights w;
    int rc = weights_read(from, &w, e);
    if (rc) return rc;
    int three = weights_find(&w, "movement_encoder.main.0.weight") != NULL;
    rc = torch_write(to, &w, three ? evaluator : &whole, three ? 3 : 1, numbers, three ? 2 : 0, 0, e);
    weights_free(&w);
    return rc;
}

int cmd_pack(int argc, char **argv)
{
    const char *out = NULL, *torch = NULL;
    const struct option_row options[] = {
        {.name = "out", .letter = 'o', .text = &out, .value = "FILE", .help = "the copy"},
        {.name = "torch", .text = &torch, .value = "OUT.pt", .help = "write this file instead, in PyTorch's container, under the published names"},
        {0}};
    const struct command_form form = {
        .example = "mlcm pack build/cache/vae-0123456789abcdef.h5 -o vae.h5",
        .usage = "mlcm pack MODEL.h5 -o OUT.h5 | --torch OUT.pt",
        .purpose = "Copies a model file of `mlcm train` with its tensors in half precision. Results of the copy are its own:\n"
                   "it computes with the rounded weights, and documents name the copy's SHA-256. With --torch the tensors\n"
                   "stay as they are: {\"state_dict\": …} for torch.load, evaluators as finest.tar has them.",
        .options = options, .least = 1, .most = 1};
    struct arguments a;
    struct error e = {0};
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (!out == !torch) {
        error_set(&e, ERR_USAGE, out ? "-o and --torch exclude each other; use one" : "an output file is needed: -o OUT.h5 or --torch OUT.pt");
        return command_fail(&e);
    }
    if (torch) return write_torch(a.positional[0], torch, &e) ? command_fail(&e) : 0;
    return checkpoint_pack(a.positional[0], out, &e) ? command_fail(&e) : 0;
}
