/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_BUS_H
#define SMTPD_SMTP_BUS_H

/*
 * The report bus: report lines from their events to the commands that read
 * them, with a bounded buffer each and gap lines for what was dropped.
 * smtp process.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/report.h"

/* Subscribers from the configuration; pause_cb tells when sessions must wait and may go on. */
void	bus_init(void (*pause_cb)(bool));
/* Whole lines that another process wrote in a dialect, of sessions with the same watchers; the times of the first and the last. */
void	bus_lines(enum subsystem, enum dialect, uint64_t watchers, uint64_t first, uint64_t last,
	    struct slice);
/* The parent's pipes to and from a proc that it started; life: how often it did. */
void	bus_proc_stdin(unsigned index, uint32_t life, int fd);
void	bus_proc_output(unsigned index, int fd);
/* Is a subscriber with `overflow wait` behind, so that clients are not read? */
bool	bus_paused(void);
/* The counters of each subscriber: lines it was not given, and bytes that wait for it. */
void	bus_stats(void);
/* Has every running subscriber been written all there is? */
bool	bus_idle(void);

#endif
