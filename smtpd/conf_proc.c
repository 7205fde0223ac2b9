/* SPDX-License-Identifier: ISC */
/*
 * `proc` and `report`: commands that read what happens, and what they are told.
 * Those that decide as well are made filters by conf_filter.c.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd/conf_parse.h"

#define BUFFER_DEFAULT	((size_t)64 * 1024 * 1024)
#define BUFFER_MIN	(64 * 1024)		/* several of the longest lines */
#define BUFFERS_MAX	((uint64_t)1 << 30)	/* of all procs together */
#define WAIT_DEFAULT	60			/* seconds */
#define TIMEOUT_DEFAULT	30			/* seconds */
#define TIMEOUT_MAX	600			/* seconds; no client waits longer (RFC 5321 4.5.3.2) */

static int	option_auth_secrets(struct conf_parser *, const struct conf_word *, void *);
static int	option_buffer(struct conf_parser *, const struct conf_word *, void *);
static int	option_down(struct conf_parser *, const struct conf_word *, void *);
static int	option_name(struct conf_parser *, const struct conf_word *, void *);
static int	option_overflow(struct conf_parser *, const struct conf_word *, void *);
static int	option_protocol(struct conf_parser *, const struct conf_word *, void *);
static int	option_timeout(struct conf_parser *, const struct conf_word *, void *);
static int	report_on(struct conf_parser *, const struct conf_word *, void *);

enum { NAME_USER, NAME_GROUP, NAME_CHROOT };
enum {				/* bits 1 << enum subsystem */
	REPORT_IN = 1 << SUBSYSTEM_SMTP_IN,
	REPORT_OUT = 1 << SUBSYSTEM_SMTP_OUT,
	REPORT_QUEUE = 1 << SUBSYSTEM_QUEUE,
	REPORT_STATS = 1 << SUBSYSTEM_STATS
};

static const struct conf_word options[] = {
	{ "user",	option_name,		NULL, NAME_USER, 1 },
	{ "group",	option_name,		NULL, NAME_GROUP, 2 },
	{ "chroot",	option_name,		NULL, NAME_CHROOT, 4 },
	{ "protocol",	option_protocol,	NULL, 0, 8 },
	{ "buffer",	option_buffer,		NULL, 0, 16 },
	{ "overflow",	option_overflow,	NULL, 0, 32 },
	{ "timeout",	option_timeout,		NULL, 0, 64 },
	{ "down",	option_down,		NULL, 0, 128 },
	{ "auth-secrets", option_auth_secrets,	NULL, 0, 256 },
};

static const struct conf_word streams[] = {
	{ .name = "smtp", .parse = report_on, .value = REPORT_IN | REPORT_OUT },
	{ .name = "smtp-in", .parse = report_on, .value = REPORT_IN },
	{ .name = "smtp-out", .parse = report_on, .value = REPORT_OUT },
	{ .name = "queue", .parse = report_on, .value = REPORT_QUEUE },
	{ .name = "stats", .parse = report_on, .value = REPORT_STATS },
};

static const struct { const char *version; enum dialect dialect; } protocols[] = {
	{ "1",		DIALECT_1 },
	{ "0.4",	DIALECT_0_4 },
	{ "0.5",	DIALECT_0_5 },
	{ "0.6",	DIALECT_0_6 },
	{ "0.7",	DIALECT_0_7 },
};

static int
option_name(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct proc_conf	*proc = arg;

	switch (w->value) {
	case NAME_USER:
		return conf_string(p, "a user", &proc->user);
	case NAME_GROUP:
		return conf_string(p, "a group", &proc->group);
	default:
		return conf_path(p, "a directory", &proc->chroot);
	}
}

static int
option_protocol(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct proc_conf	*proc = arg;
	size_t			 i;

	(void)w;
	conf_next(p);
	for (i = 0; i < nitems(protocols); i++)
		if (p->token.kind <= TOKEN_STRING &&
		    strcmp(p->token.text, protocols[i].version) == 0) {
			proc->dialect = protocols[i].dialect;
			return 0;
		}
	return conf_error(p, "expected \"1\", \"0.4\", \"0.5\", \"0.6\" or \"0.7\"");
}

static int
option_buffer(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct proc_conf	*proc = arg;

	(void)w;
	return conf_size(p, BUFFER_MIN, BUFFERS_MAX, &proc->buffer);
}

static int
option_overflow(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct proc_conf	*proc = arg;

	conf_next(p);
	if (conf_is_word(p, "drop")) {
		proc->overflow = OVERFLOW_DROP;
		return 0;
	}
	if (!conf_is_word(p, "wait"))
		return conf_error(p, "expected drop or wait");
	proc->overflow = OVERFLOW_WAIT;
	conf_next(p);
	conf_back(p);
	if (conf_is_end(p) || conf_word_known(p, options, nitems(options)))
		return 0;
	(void)w;
	return conf_time(p, &proc->wait);
}

static int
check_filters(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	const struct proc_conf	*proc = arg;

	return proc->is_filter ? 0 : conf_error_at(p, at, "is for filters: no filter names this proc");
}

static int
option_timeout(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct proc_conf	*proc = arg;

	(void)w;
	conf_defer(p, check_filters, proc);
	if (conf_time(p, &proc->timeout) == -1)
		return -1;
	return proc->timeout <= TIMEOUT_MAX ? 0 : conf_error(p, "at most 10m: no client waits longer");
}

static int
option_down(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct proc_conf	*proc = arg;

	(void)w;
	conf_defer(p, check_filters, proc);
	conf_next(p);
	if (!(proc->bypass = conf_is_word(p, "bypass")) && !conf_is_word(p, "451"))
		return conf_error(p, "expected 451 or bypass");
	return 0;
}

static int
option_auth_secrets(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct proc_conf	*proc = arg;

	(void)w;
	conf_defer(p, check_filters, proc);
	proc->auth_secrets = true;
	return 0;
}

struct proc_conf *
conf_proc_find(const struct conf *conf, const char *name)
{
	struct proc_conf	*proc;

	TAILQ_FOREACH(proc, &conf->procs, entry)
		if (strcmp(proc->name, name) == 0)
			break;
	return proc;
}

static uint64_t
buffers(const struct conf *conf)
{
	const struct proc_conf	*proc;
	uint64_t		 sum = 0;

	TAILQ_FOREACH(proc, &conf->procs, entry)
		sum += proc->buffer;
	return sum;
}

struct proc_conf *
conf_proc_new(struct conf *conf, const char *name)
{
	struct proc_conf	*proc = conf_zalloc(sizeof(*proc)), *other;

	proc->name = conf_strdup(name);
	proc->dialect = DIALECT_MAX;	/* not said */
	proc->buffer = BUFFER_DEFAULT;
	proc->wait = WAIT_DEFAULT;
	proc->timeout = TIMEOUT_DEFAULT;
	TAILQ_FOREACH(other, &conf->procs, entry)
		proc->index++;
	TAILQ_INSERT_TAIL(&conf->procs, proc, entry);
	return proc;
}

int
conf_proc_options(struct conf_parser *p, struct proc_conf *proc)
{
	unsigned	 seen = 0;

	if (conf_options(p, options, nitems(options), "option of proc", &seen, proc) == -1)
		return -1;
	if (buffers(p->conf) > BUFFERS_MAX)
		return conf_error(p, "the buffers of all procs together may be 1G, with this one they are %lluM; say a smaller `buffer`",
		    (unsigned long long)(buffers(p->conf) >> 20));
	return 0;
}

int
conf_proc_named(struct conf_parser *p, struct proc_conf **out)
{
	struct nearest		 nearest;
	struct proc_conf	*proc;

	conf_next(p);
	if (p->token.kind > TOKEN_STRING)
		return conf_error(p, "expected the name of a proc");
	if ((*out = conf_proc_find(p->conf, p->token.text)) != NULL)
		return 0;
	nearest_init(&nearest, slice_str(p->token.text));
	TAILQ_FOREACH(proc, &p->conf->procs, entry)
		nearest_try(&nearest, proc->name);
	return conf_error(p, "no such proc above%s", conf_nearest_hint(&nearest));
}

int
conf_proc_filters(struct conf_parser *p, struct proc_conf *proc)
{
	const struct proc_conf	*other;
	unsigned		 n = 0;

	if (proc->is_filter)
		return 0;
	TAILQ_FOREACH(other, &p->conf->procs, entry)
		n += other->is_filter;
	if (n == CONF_FILTER_PROCS)
		return conf_error(p, "%d procs are filters already", CONF_FILTER_PROCS);
	proc->bit = n;
	proc->is_filter = true;
	return 0;
}

/* Without a handshake there is no asking for events of outgoing sessions: all are told. */
void
conf_proc_settle(struct conf *conf)
{
	struct proc_conf	*proc;

	TAILQ_FOREACH(proc, &conf->procs, entry) {
		if (proc->dialect == DIALECT_MAX)
			proc->dialect = proc->is_filter && proc->founding == 0 ? DIALECT_0_7 : DIALECT_1;
		if (!filter_has_handshake(proc->dialect) && (proc->attached & REPORT_OUT) != 0) {
			proc->attached &= ~(unsigned)REPORT_OUT;
			proc->reports |= REPORT_OUT;
		}
	}
}

int
conf_parse_proc(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct proc_conf	*proc;

	(void)w;
	(void)arg;
	conf_next(p);
	if (p->token.kind > TOKEN_STRING || p->token.size == 0)
		return conf_error(p, "expected a name for the proc");
	if (conf_proc_find(p->conf, p->token.text) != NULL)
		return conf_error(p, "there is a proc of that name already");
	proc = conf_proc_new(p->conf, p->token.text);
	if (conf_string(p, "a command", &proc->command) == -1)
		return -1;
	return conf_proc_options(p, proc);
}

static unsigned
stats_readers(const struct conf *conf)
{
	const struct proc_conf	*proc;
	unsigned		 n = 0;

	TAILQ_FOREACH(proc, &conf->procs, entry)
		n += (proc->reports & REPORT_STATS) != 0;
	return n;
}

/* One clock for all who read them: the shortest that is asked for. */
static int
stats_every(struct conf_parser *p)
{
	int64_t	 every = CONF_STATS;

	conf_next(p);
	if (!conf_is_word(p, "every"))
		conf_back(p);
	else if (conf_time(p, &every) == -1)
		return -1;
	if (stats_readers(p->conf) == 1 || every < p->conf->stats_interval)
		p->conf->stats_interval = every;
	return 0;
}

static int
report_on(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct proc_conf	*proc;

	(void)arg;
	if (conf_keyword(p, "on") == -1 || conf_proc_named(p, &proc) == -1)
		return -1;
	if ((proc->reports & (unsigned)w->value) != 0)
		return conf_error(p, "is told that already");
	proc->reports |= (unsigned)w->value;
	return w->value == REPORT_STATS ? stats_every(p) : 0;
}

int
conf_parse_report(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)arg;
	conf_next(p);
	if ((w = conf_word_find(p, streams, nitems(streams), "stream to report")) == NULL)
		return -1;
	return w->parse(p, w, NULL);
}
