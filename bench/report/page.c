#include "page.h"
#include "../../engine/file.h"
#include "../version.h"
#include "assets.h"
#include "html.h"
#include <stdlib.h>
#include <string.h>

enum { LARGEST_PICTURE = 4 << 20 };

static int put_part(const char *name, size_t length, const struct page *p, FILE *out, struct error *e)
{
    if (!strncmp(name, "title", length)) html_text(out, p->title);
    else if (!strncmp(name, "lead", length)) html_print(out, "<p class=\"lead\">%s</p>", p->lead);
    else if (!strncmp(name, "style", length)) fputs(asset_style_css, out);
    else if (!strncmp(name, "script", length)) fprintf(out, "%s%s", asset_player_js, asset_page_js);
    else if (!strncmp(name, "foot", length)) html_print(out, "Written by mlcm %s, commit %s.", MLCM_VERSION, version_commit());
    else if (!strncmp(name, "body", length)) return p->body(p->context, out, e);
    return 0;
}

int page_write(const struct page *p, const char *path, struct error *e)
{
    struct file_writer w;
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    const char *at = asset_page_html, *mark;
    while (!rc && (mark = strstr(at, "{{"))) {
        const char *end = strstr(mark, "}}");
        fwrite(at, 1, (size_t)(mark - at), w.stream);
        rc = put_part(mark + 2, (size_t)(end - mark - 2), p, w.stream, e);
        at = end + 2;
    }
    fputs(at, w.stream);
    if (!rc) return file_commit(&w, e);
    file_abandon(&w);
    return rc;
}

int page_player(const struct motions *m, const char *id, FILE *out, struct error *e)
{
    html_print(out, "<noscript><p class=\"note\">The moving skeletons need JavaScript.</p></noscript>\n"
                    "<script type=\"application/json\" id=\"%s\">", id);
    int rc = motions_print(m, out, e);
    html_print(out, "</script>\n<div class=\"player\" data-motions=\"%s\"></div>\n", id);
    return rc;
}

void page_picture(const char *path, const char *class, const char *caption, const char *alternative, FILE *out)
{
    char *bytes;
    size_t size;
    struct error ignored;
    if (!file_exists(path) || file_read(path, LARGEST_PICTURE, &bytes, &size, &ignored)) return;
    html_print(out, "<figure class=\"%s\"><img alt=\"%s\" src=\"data:image/%s;base64,", class, alternative,
               file_has_ending(path, ".svg") ? "svg+xml" : "png");
    base64_write(out, bytes, size);
    html_print(out, "\"><figcaption>%s</figcaption></figure>\n", caption);
    free(bytes);
}

struct motions_page {
    const struct motions *motions;
    const char *note;
};

static int motions_body(void *context, FILE *out, struct error *e)
{
    const struct motions_page *p = context;
    html_print(out, "<section aria-label=\"Motion\">\n");
    int rc = page_player(p->motions, "motions-1", out, e);
    html_print(out, "<p class=\"note\">%s</p>\n</section>\n", p->note);
    return rc;
}

int page_motions(const struct motions *m, const char *title, const char *note, const char *path, struct error *e)
{
    struct motions_page context = {m, note};
    char lead[120];
    snprintf(lead, sizeof lead, "%d frames at %g a second", m->nclips ? m->clips[0].frames : 0, m->fps);
    const struct page p = {title, lead, motions_body, &context};
    return page_write(&p, path, e);
}
