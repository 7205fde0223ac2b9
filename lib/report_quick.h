/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPORT_QUICK_H
#define LIB_REPORT_QUICK_H

/*
 * The prefix of the lines that daemons write today, recognised without looking
 * at each byte: for report_parse.c, which knows every other form.
 */
#include "lib/report.h"

/*
 * True if line begins with `report|0.N|SECONDS.MICROS|smtp-in or smtp-out|a
 * known event|16 hex digits`: the prefix of *r is set, and *params.  False says
 * nothing about the line.
 */
bool	report_quick(struct report *r, struct slice line, struct slice *params);

#endif
