#include "strips.h"
#include "../engine/file.h"
#include "../engine/unicode.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_HEIGHT = 210, WIDTH = 1180, MARGIN = 20, MAX_ROWS = 16 };

static void escaped(FILE *out, const char *text)
{
    for (size_t left = strlen(text); left;) {
        uint32_t ch;
        char bytes[4];
        size_t n = utf8_next(text, left, &ch);
        if (ch == '&') fputs("&amp;", out);
        else if (ch == '<') fputs("&lt;", out);
        else if (ch == '>') fputs("&gt;", out);
        else if (ch >= 32 && ch != 0xfffe && ch != 0xffff) fwrite(bytes, 1, utf8_put(ch, bytes), out);   /* XML has no others */
        text += n;
        left -= n;
    }
}

static void row(FILE *out, const float *joints, int frames, const char *title, const struct skeleton *s, int poses, double top)
{
    /* project on the vertical plane along the root's travel, seen from the actor's left */
    size_t stride = (size_t)s->njoints * 3;
    const float *first = joints, *last = joints + (size_t)(frames - 1) * stride;
    double dx = (double)(last[0] - first[0]), dz = (double)(last[2] - first[2]), travel = sqrt(dx * dx + dz * dz);
    double ax = travel > 0.5 ? dx / travel : 0.6, az = travel > 0.5 ? dz / travel : 0.8;
    double step = (double)(WIDTH - 2 * MARGIN) / poses, scale = 85.0;
    fprintf(out, "<text x=\"%d\" y=\"%.1f\" class=\"t\">", MARGIN, top + 16);
    escaped(out, title);
    fprintf(out, "</text>\n<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" class=\"f\"/>\n", MARGIN, top + ROW_HEIGHT - 12,
            WIDTH - MARGIN, top + ROW_HEIGHT - 12);
    for (int p = 0; p < poses; p++) {
        int f = poses > 1 ? (int)((double)(frames - 1) * p / (poses - 1) + 0.5) : 0;
        const float *j = joints + (size_t)f * stride;
        double cx = MARGIN + step * (p + 0.5);
        for (int k = 1; k < s->njoints; k++) {
            const float *a = j + 3 * s->parent[k], *b = j + 3 * k;
            fprintf(out, "<line class=\"%c\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", skeleton_side(s, k),
                    cx + scale * ((double)(a[0] - j[0]) * ax + (double)(a[2] - j[2]) * az), top + ROW_HEIGHT - 12 - scale * (double)a[1],
                    cx + scale * ((double)(b[0] - j[0]) * ax + (double)(b[2] - j[2]) * az), top + ROW_HEIGHT - 12 - scale * (double)b[1]);
        }
        fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"n\">%d</text>\n", cx - 8, top + ROW_HEIGHT, f);
    }
}

int strip_write(const char *path, const float *const *joints, const int *frames, const char *const *titles, int rows,
                const struct skeleton *s, int poses, struct error *e)
{
    struct file_writer w;
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    int height = rows * (ROW_HEIGHT + 14) + 10;
    fprintf(w.stream,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n"
            "<style>.t{font:14px sans-serif;fill:#222}.n{font:10px sans-serif;fill:#888}.f{stroke:#ccc}"
            ".l{stroke:#1f6fb4;stroke-width:3;stroke-linecap:round}.r{stroke:#d1495b;stroke-width:3;stroke-linecap:round}"
            ".c{stroke:#444;stroke-width:3;stroke-linecap:round}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            WIDTH, height, WIDTH, height);
    for (int i = 0; i < rows; i++) row(w.stream, joints[i], frames[i], titles[i], s, poses, 6 + i * (ROW_HEIGHT + 14));
    fprintf(w.stream, "</svg>\n");
    return file_commit(&w, e);
}

int strips_write(const struct motions *m, const char *folder, struct error *e)
{
    const struct skeleton *k = skeleton_of_joints(m->njoints);
    int rc = 0;
    for (int c = 0; c < m->nclips && !rc; c++) {
        const struct moving_clip *clip = &m->clips[c];
        const float *joints[MAX_ROWS];
        char title[MAX_ROWS][300], path[1200];
        const char *titles[MAX_ROWS];
        int frames[MAX_ROWS], rows = clip->nmotions < MAX_ROWS ? clip->nmotions : MAX_ROWS;
        for (int i = 0; i < rows; i++) {
            snprintf(title[i], sizeof title[i], "%s: %s", clip->motions[i].model, clip->caption);
            titles[i] = title[i];
            joints[i] = clip->motions[i].joints;
            frames[i] = clip->frames;
        }
        snprintf(path, sizeof path, "%.1000s/strip_%d.svg", folder, c + 1);
        rc = strip_write(path, joints, frames, titles, rows, k, 12, e);
    }
    return rc;
}
