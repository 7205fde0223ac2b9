/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_CONDITION_H
#define SMTPD_SMTP_CONDITION_H

/*
 * Does a rule of a filter hold for a session?  A table in a file is asked of
 * lookup, which can read it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/slice.h"

struct filter;
struct ipc;
struct ipc_msg;
struct session;

enum held {
	HELD_NO, HELD_YES,
	HELD_ERROR,		/* nobody knows: the name of the client, or a table */
	HELD_LATER		/* lookup was asked */
};

/*
 * `!' is applied to what this says.  argument is that of the phase that the
 * rule is about; a path may have its brackets and what follows them.  LATER:
 * phase_condition() will be told, under the session's id and this serial,
 * unless lookup is lost meanwhile.
 */
enum held	condition_judge(const struct session *, const struct filter *,
		    struct slice argument, uint32_t serial);
/* An ERROR of this rule is one of the DNS (451 4.4.3), not of a table. */
bool		condition_wants_name(const struct session *, const struct filter *);
/* An IPC_HELD of lookup. */
void		condition_answer(struct ipc *, struct ipc_msg *);

/* In smtp_phase.c; not for a question that is no longer the session's. */
void		phase_condition(uint64_t session, uint32_t serial, enum held);

#endif
