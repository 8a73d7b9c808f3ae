#include "device.h"
#include <string.h>

int device_lane(const struct device *d, struct device *lane, struct error *e) { return d->open_lane(d, lane, e); }

void device_close(struct device *d)
{
    if (d->state) d->close(d);
    memset(d, 0, sizeof *d);
}
