/* Files that are written: through links, into folders that may stay empty, and logs that are gone on with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../bench/loss_log.h"
#include "../engine/file.h"

static char folder[] = "/tmp/mlcm-test-output-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char **names;
    int count;
    if (!file_list(".", &names, &count, NULL)) {
        for (int i = 0; i < count; i++) remove(names[i]);
        file_list_free(names, count);
    }
    return chdir("/") || rmdir(folder);
}

static void must(int status, const struct error *e)
{
    if (status) fail_msg("%d: %s", status, e->text);
}

static void put(const char *path, const char *text)
{
    struct error e = {0};
    must(file_write(path, text, strlen(text), &e), &e);
}

static void holds(const char *path, const char *text)
{
    struct error e = {0};
    char *got;
    size_t size;
    must(file_read(path, 1 << 20, &got, &size, &e), &e);
    assert_string_equal(got, text);
    free(got);
}

static int is_link(const char *path)
{
    struct stat st;
    return !lstat(path, &st) && S_ISLNK(st.st_mode);
}

/* The link stays and what it points at is replaced, not written into: a second name of the old file keeps the old text. */
static void test_links_are_followed(void **state)
{
    (void)state;
    assert_int_equal(mkdir("deep", 0777), 0);
    put("deep/target", "old");
    assert_int_equal(link("deep/target", "deep/kept"), 0);
    assert_int_equal(symlink("target", "deep/near"), 0);
    assert_int_equal(symlink("deep/near", "far"), 0);
    put("far", "new");
    assert_true(is_link("far") && is_link("deep/near") && !is_link("deep/target"));
    holds("deep/target", "new");
    holds("deep/kept", "old");
    /* A link to nothing yet makes its target. */
    assert_int_equal(symlink("deep/made", "dangling"), 0);
    put("dangling", "made");
    assert_true(is_link("dangling"));
    holds("deep/made", "made");
    /* In a circle, to a folder, to a device. */
    static const char *const bad[][2] = {{"circle", "circle"}, {"deep", "to_folder"}, {"/dev/null", "to_device"}};
    for (int i = 0; i < 3; i++) {
        struct error e = {0};
        assert_int_equal(symlink(bad[i][0], bad[i][1]), 0);
        assert_int_equal(file_write(bad[i][1], "x", 1, &e), ERR_USAGE);
        assert_true(is_link(bad[i][1]));
        remove(bad[i][1]);
    }
    static const char *const all[] = {"far", "dangling", "deep/near", "deep/kept", "deep/target", "deep/made", "deep"};
    for (int i = 0; i < 7; i++) assert_int_equal(remove(all[i]), 0);    /* and no temporary file beside them */
}

static void test_empty_folders_go(void **state)
{
    (void)state;
    struct error e = {0};
    char path[200];
    assert_int_equal(mkdir("a", 0777), 0);
    assert_int_equal(file_folders_there("a"), 1);
    assert_int_equal(file_folders_there("a/b//c/"), 1);
    assert_int_equal(file_folders_there("none"), 0);
    snprintf(path, sizeof path, "%s/a/b", folder);
    assert_int_equal(file_folders_there(path), strlen(path) - 2);
    size_t there = file_folders_there("a/b//c/");
    must(file_make_folder("a/b//c/", &e), &e);
    file_remove_empty("a/b//c/", there);
    assert_true(file_exists("a") && !file_exists("a/b"));
    must(file_make_folder("a/b//c/", &e), &e);
    put("a/b/kept", "x");
    file_remove_empty("a/b//c/", there);
    assert_true(file_exists("a/b/kept") && !file_exists("a/b/c"));
    assert_int_equal(remove("a/b/kept"), 0);
    file_remove_empty("a/b", 0);
    assert_false(file_exists("a"));
    /* A file in the way is named. */
    put("file", "x");
    assert_int_equal(file_make_folder("file/b/c", &e), ERR_ENV);
    assert_non_null(strstr(e.text, "file: is a file"));
    assert_int_equal(file_make_folder("file", &e), ERR_ENV);
    assert_non_null(strstr(e.text, "file: is a file"));
    remove("file");
}

/* The rows up to the step stay, the half row of a killed run goes, and the old log is whole until the new one is there. */
static void test_logs_are_gone_on_with(void **state)
{
    (void)state;
    static const char header[] = "step,loss,seconds", old[] = "step,loss,seconds\n5,1.5,10.25\n10,1.25,20.5\n15,1,31\n20,0.9";
    struct error e = {0};
    FILE *log;
    double seconds;
    put("log.csv", old);
    assert_int_equal(link("log.csv", "other_name"), 0);
    must(loss_log_open("log.csv", header, 12, 2, &log, &seconds, &e), &e);
    assert_true(seconds == 20.5);
    holds("other_name", old);
    holds("log.csv", "step,loss,seconds\n5,1.5,10.25\n10,1.25,20.5\n");
    fprintf(log, "15,2,3\n");
    must(loss_log_flush(log, "log.csv", &e), &e);
    must(loss_log_close(log, "log.csv", &e), &e);
    holds("log.csv", "step,loss,seconds\n5,1.5,10.25\n10,1.25,20.5\n15,2,3\n");
    put("log.csv", old);
    must(loss_log_open("log.csv", header, 100, 2, &log, &seconds, &e), &e);
    must(loss_log_close(log, "log.csv", &e), &e);
    holds("log.csv", "step,loss,seconds\n5,1.5,10.25\n10,1.25,20.5\n15,1,31\n");
    must(loss_log_open("log.csv", header, 0, 2, &log, &seconds, &e), &e);
    must(loss_log_close(log, "log.csv", &e), &e);
    holds("log.csv", "step,loss,seconds\n");
    /* Where nothing can be written, rows are missed when the log is closed at the latest. */
    log = fopen("/dev/full", "a");
    if (log) {
        fprintf(log, "1,2,3\n");
        assert_int_equal(loss_log_flush(log, "full.csv", &e), ERR_ENV);
        assert_non_null(strstr(e.text, "full.csv"));
        assert_non_null(strstr(e.text, "No space"));
        assert_int_equal(loss_log_close(log, "full.csv", &e), ERR_ENV);
    }
    remove("log.csv");
    remove("other_name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_are_followed),
        cmocka_unit_test(test_empty_folders_go),
        cmocka_unit_test(test_logs_are_gone_on_with),
    };
    return cmocka_run_group_tests(tests, enter_folder, remove_folder);
}
