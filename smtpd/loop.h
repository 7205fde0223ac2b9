/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_LOOP_H
#define SMTPD_LOOP_H

/*
 * The event loop of a process: libevent, one turn at a time, with hooks that
 * run at the end of every turn (flush the spool, the channels, the report
 * bus), in the order in which they were added.  Used by all processes.
 */
#include <stdint.h>

struct event_base;

#define SECOND	1000000000ULL	/* of loop_mono() */

extern struct event_base *loop_base;

void	loop_init(void);
/*
 * The same where no other process has a descriptor that is closed while it was waited on: what is
 * added and removed within a turn costs no system call then.
 */
void	loop_init_private(void);
/* fn runs at the end of every turn; at most 8 hooks. */
void	loop_at_end(void (*fn)(void));
/* A hook produced what an earlier one sends: the next turn does not wait for an event. */
void	loop_again(void);
/* Turns until loop_stop() has been called; returns after that turn's hooks. */
void	loop_run(void);
void	loop_stop(void);
/* Monotonic nanoseconds, and wall-clock microseconds, read once a turn. */
uint64_t loop_mono(void);
uint64_t loop_wall(void);

#endif
