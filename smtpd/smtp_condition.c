/* SPDX-License-Identifier: ISC */
/*
 * The conditions of rules: what each looks at in a session, and who is asked.
 * smtp process.
 */
#include "smtpd/condition.h"
#include "smtpd/log.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_condition.h"
#include "smtpd/smtp_peers.h"

#define BACKLOG_MAX	(1024 * 1024)	/* bytes of questions that lookup did not take */

static enum held
verdict(const struct filter *f, bool holds)
{
	return holds != f->negate ? HELD_YES : HELD_NO;
}

static enum held
from_table(const struct filter *f, enum table_answer answer)
{
	return answer == TABLE_ERROR ? HELD_ERROR : verdict(f, answer == TABLE_YES);
}

/* SLICE_NONE: it has none, confirmed or not. */
static struct slice
name_of(const struct session *s)
{
	return slice_str(session_is_local(s) ? proc_conf->hostname : s->rdns);
}

bool
condition_wants_name(const struct session *s, const struct filter *f)
{
	switch (f->condition) {
	case COND_FCRDNS:
		return s->fcrdns == FCRDNS_ERROR;
	case COND_RDNS:
	case COND_RDNS_TABLE:
		return s->fcrdns == FCRDNS_ERROR && name_of(s).p == NULL;
	default:
		return false;
	}
}

/* Without brackets, source route and options. */
static struct slice
address_alone(struct slice path)
{
	struct smtp_path	 parsed;
	struct slice		 rest;
	const char		*end;

	if (smtp_path_parse(path, SMTP_PATH_NULL_OK | SMTP_PATH_POSTMASTER_OK | SMTP_PATH_UTF8_OK,
	    &parsed, &rest) == 0)
		return parsed.mailbox;
	if (path.n == 0 || path.p[0] != '<')
		return path;
	/* What is no path, but a filter or an older command said so. */
	path = slice_make(path.p + 1, path.n - 1);
	if ((end = memchr(path.p, '>', path.n)) != NULL)
		path.n = (size_t)(end - path.p);
	return path;
}

static struct slice
argument_of(const struct session *s, enum phase phase, struct slice argument)
{
	if (phase == PHASE_CONNECT)
		return session_address(s);
	if (phase == PHASE_MAIL_FROM || phase == PHASE_RCPT_TO)
		return address_alone(argument);
	return argument.p == NULL ? SLICE("") : argument;
}

/* "PLAIN user": who wants to log in; later: who has. */
static struct slice
user_of(const struct session *s, enum phase phase, struct slice argument)
{
	const char	*blank;

	if (phase != PHASE_AUTH)
		return slice_str(s->username);
	if (argument.n == 0 || (blank = memchr(argument.p, ' ', argument.n)) == NULL)
		return SLICE_NONE;
	return slice_make(blank + 1, argument.n - (size_t)(blank + 1 - argument.p));
}

/* What is looked for in the table; SLICE_NONE: there is nothing that could be in it. */
static struct slice
key_of(const struct session *s, const struct filter *f, struct slice argument)
{
	enum phase	 phase = f->phase;

	switch (f->condition) {
	case COND_RDNS_TABLE:
		return name_of(s);
	case COND_SRC:
		return session_address(s);
	case COND_HELO:
		return phase == PHASE_HELO || phase == PHASE_EHLO ? argument : slice_str(s->helo);
	case COND_AUTH_TABLE:
		return user_of(s, phase, argument);
	case COND_MAIL_FROM:
		if (phase == PHASE_MAIL_FROM)
			return address_alone(argument);
		return s->tx == NULL ? SLICE_NONE : slice_str(s->tx->sender);
	case COND_RCPT_TO:
		return address_alone(argument);
	default:
		return argument_of(s, phase, argument);
	}
}

static enum held
ask_lookup(const struct session *s, const struct filter *f, struct slice key, uint32_t serial)
{
	if (smtp_lookup == NULL || ipc_backlog(smtp_lookup) > BACKLOG_MAX)
		return HELD_ERROR;
	ipc_begin(smtp_lookup, IPC_CONDITION);
	ipc_put_u64(smtp_lookup, s->source.session);
	ipc_put_u32(smtp_lookup, serial);
	ipc_put_u32(smtp_lookup, f->index);
	ipc_put_slice(smtp_lookup, key);
	ipc_end(smtp_lookup);
	return HELD_LATER;
}

static enum held
in_table(const struct session *s, const struct filter *f, struct slice argument, uint32_t serial)
{
	struct slice	 key = key_of(s, f, argument);

	if (key.p == NULL)
		return verdict(f, false);
	if (key.n > CONDITION_KEY_MAX) {
		log_warnx("table %s is not asked for %zu bytes", f->table->name, key.n);
		return HELD_ERROR;
	}
	if (f->table->path == NULL)
		return from_table(f, condition_match(f, key));
	return ask_lookup(s, f, key, serial);
}

enum held
condition_judge(const struct session *s, const struct filter *f, struct slice argument,
    uint32_t serial)
{
	/* That it has no name, or a false one, cannot be said of it. */
	if (f->negate && condition_wants_name(s, f))
		return HELD_ERROR;
	switch (f->condition) {
	case COND_ANY:
		return verdict(f, true);
	case COND_FCRDNS:
		return verdict(f, s->fcrdns == FCRDNS_PASS);
	case COND_FCRDNS_ERROR:
		return verdict(f, s->fcrdns == FCRDNS_ERROR);
	case COND_RDNS:
		return verdict(f, name_of(s).p != NULL);
	case COND_AUTH:
		return verdict(f, s->username != NULL);
	default:
		return in_table(s, f, argument, serial);
	}
}

void
condition_answer(struct ipc *ipc, struct ipc_msg *msg)
{
	uint64_t		 session = ipc_get_u64(msg);
	uint32_t		 serial = ipc_get_u32(msg);
	const struct filter	*f = condition_filter(proc_conf, ipc_get_u32(msg));
	uint8_t			 answer = ipc_get_u8(msg);

	msg->bad |= f == NULL || answer > 1 + TABLE_YES;
	if (ipc_complete(ipc, msg))
		phase_condition(session, serial, from_table(f, (enum table_answer)(answer - 1)));
}
