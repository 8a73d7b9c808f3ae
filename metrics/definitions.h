/* What each metric of metrics/table.h measures, in a sentence for readers of a report. */
#ifndef MLCM_METRIC_DEFINITIONS_H
#define MLCM_METRIC_DEFINITIONS_H

/* A sentence, or NULL for a metric that has none. Which direction is better is in the registry. */
const char *metric_definition(const char *name);

#endif
