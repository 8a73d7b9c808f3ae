#include "decimal.h"

#include <math.h>
#include <stdint.h>

static double scaled(uint64_t digits, int exponent)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (digits == 0)
        return 0.0;
    if (digits < (UINT64_C(1) << 53) && exponent >= -22 && exponent <= 22)
        return exponent < 0 ? (double)digits / power[-exponent] : (double)digits * power[exponent];
    if (exponent > 400)
        return INFINITY;
    if (exponent < -400)
        return 0.0;
    const long double scale = powl(10.0L, (long double)(exponent < 0 ? -exponent : exponent));
    return (double)(exponent < 0 ? (long double)digits / scale : (long double)digits * scale);
}

const char *decimal_read(const char *text, const char *end, double *value)
{
    const char *p = text;
    int negative = 0, any = 0, exponent = 0;
    uint64_t digits = 0;
    if (p < end && (*p == '-' || *p == '+'))
        negative = *p++ == '-';
    for (int fraction = 0; p < end; p++) {
        const unsigned digit = (unsigned)(*p - '0');
        if (*p == '.' && !fraction) {
            fraction = 1;
        } else if (digit <= 9) {
            any = 1;
            if (digits < UINT64_C(1000000000000000000)) {
                digits = digits * 10 + digit;
                exponent -= fraction;
            } else if (!fraction && exponent < 100000) {
                exponent++;
            }
        } else {
            break;
        }
    }
    if (!any)
        return 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        const char *q = p + 1;
        int down = 0, written = 0, seen = 0;
        if (q < end && (*q == '-' || *q == '+'))
            down = *q++ == '-';
        for (; q < end && (unsigned)(*q - '0') <= 9; q++) {
            seen = 1;
            if (written < 100000)
                written = written * 10 + (*q - '0');
        }
        if (!seen)
            return 0;
        exponent += down ? -written : written;
        p = q;
    }
    const double magnitude = scaled(digits, exponent);
    if (!isfinite(magnitude))
        return 0;
    *value = negative ? -magnitude : magnitude;
    return p;
}
