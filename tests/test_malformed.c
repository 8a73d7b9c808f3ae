/* The corpus of malformed files, a test a format: see malformed.h. */
#include "malformed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_safetensors), cmocka_unit_test(malformed_pickles),      cmocka_unit_test(malformed_zips),
        cmocka_unit_test(malformed_streams),     cmocka_unit_test(malformed_arrays),       cmocka_unit_test(malformed_archives_of_arrays), cmocka_unit_test(malformed_h5),
        cmocka_unit_test(malformed_word_lists),  cmocka_unit_test(malformed_sentencepiece), cmocka_unit_test(malformed_vocabularies),
        cmocka_unit_test(malformed_motion_capture), cmocka_unit_test(malformed_json),      cmocka_unit_test(malformed_text),
        cmocka_unit_test(malformed_motions),     cmocka_unit_test(malformed_other_files),
    };
    return cmocka_run_group_tests_name("malformed", tests, NULL, NULL);
}
