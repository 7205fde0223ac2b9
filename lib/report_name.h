/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPORT_NAME_H
#define LIB_REPORT_NAME_H

/*
 * What is wrong with a name that report_name_parse() refuses, in words.
 */
#include <stddef.h>

#include "lib/slice.h"

/*
 * Writes to buf, NUL-terminated and cut to size: that no event has such a
 * field, and the nearest; or that the field has no such part, and which it has.
 */
void	report_name_explain(struct slice name, char *buf, size_t size);

#endif
