#include "html.h"
#include "../../engine/unicode.h"
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

/* Calls put for each character; what is no character of a document becomes a space or U+FFFD. */
static void each_character(FILE *out, const char *text, void (*put)(FILE *, uint32_t))
{
    for (size_t left = strlen(text); left;) {
        uint32_t ch;
        size_t n = utf8_next(text, left, &ch);
        if ((ch < 32 && ch != '\n') || (ch >= 127 && ch < 160)) ch = ' ';
        if ((ch & 0xfffe) == 0xfffe || (ch >= 0xfdd0 && ch <= 0xfdef)) ch = 0xfffd;
        put(out, ch);
        text += n;
        left -= n;
    }
}

static void put_utf8(FILE *out, uint32_t ch)
{
    char bytes[4];
    fwrite(bytes, 1, utf8_put(ch, bytes), out);
}

static void put_html(FILE *out, uint32_t ch)
{
    switch (ch) {
    case '&': fputs("&amp;", out); break;
    case '<': fputs("&lt;", out); break;
    case '>': fputs("&gt;", out); break;
    case '"': fputs("&quot;", out); break;
    case '\'': fputs("&#39;", out); break;
    default: put_utf8(out, ch);
    }
}

static void put_json(FILE *out, uint32_t ch)
{
    if (ch == '"' || ch == '\\') fprintf(out, "\\%c", (int)ch);
    else if (ch < 32 || ch == '<' || ch == '>' || ch == '&' || ch == '\'' || ch == 0x2028 || ch == 0x2029)
        fprintf(out, "\\u%04x", (unsigned)ch);
    else put_utf8(out, ch);
}

void html_text(FILE *out, const char *text)
{
    each_character(out, text, put_html);
}

void json_text(FILE *out, const char *text)
{
    fputc('"', out);
    each_character(out, text, put_json);
    fputc('"', out);
}

void html_print(FILE *out, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    for (const char *p = form; *p; p++) {
        if (*p != '%') {
            fputc(*p, out);
            continue;
        }
        p++;
        if (*p == 's') html_text(out, va_arg(args, const char *));
        else if (*p == 'd') fprintf(out, "%d", va_arg(args, int));
        else if (*p == '%') fputc('%', out);
        else break;                    /* no such form: the call is wrong */
    }
    va_end(args);
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(FILE *out, const void *data, size_t size)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        unsigned v = (unsigned)p[i] << 16 | (n > 1 ? (unsigned)p[i + 1] << 8 : 0) | (n > 2 ? (unsigned)p[i + 2] : 0);
        fputc(digits[v >> 18], out);
        fputc(digits[v >> 12 & 63], out);
        fputc(n > 1 ? digits[v >> 6 & 63] : '=', out);
        fputc(n > 2 ? digits[v & 63] : '=', out);
    }
}

static int digit_value(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

long base64_read(const char *text, size_t length, unsigned char *out)
{
    size_t pad = 0, n = 0;
    if (length % 4) return -1;
    if (length && text[length - 1] == '=') pad = text[length - 2] == '=' ? 2 : 1;
    for (size_t i = 0; i < length; i += 4) {
        size_t keep = i + 4 == length ? 3 - pad : 3;
        int v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k <= keep ? digit_value(text[i + k]) : 0;
            if (d < 0) return -1;
            v = v << 6 | d;
        }
        if ((keep == 1 && (v & 0xffff)) || (keep == 2 && (v & 0xff))) return -1;
        for (size_t k = 0; k < keep; k++) out[n++] = (unsigned char)(v >> (16 - 8 * k));
    }
    return (long)n;
}
