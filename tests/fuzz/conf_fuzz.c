/* SPDX-License-Identifier: ISC */
/*
 * smtpd.conf: the input is the main file, a NUL, and a file that it may
 * include as "f".  A configuration is given, or an error, never both or none.
 */
/* objects: smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/log.o */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/conf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
source_add(struct conf_sources *sources, const char *name, const uint8_t *data, size_t size)
{
	struct conf_source	*s = calloc(1, sizeof(*s));

	if (s == NULL || (s->name = strdup(name)) == NULL || (s->text = malloc(size + 1)) == NULL)
		abort();
	memcpy(s->text, data, size);
	s->size = size;
	TAILQ_INSERT_TAIL(sources, s, entry);
}

/* Does the condition look into a table? */
static bool
looks_up(enum condition c)
{
	return c == COND_RDNS_TABLE || c == COND_SRC || c == COND_HELO || c == COND_AUTH_TABLE ||
	    c == COND_MAIL_FROM || c == COND_RCPT_TO || c == COND_ARGUMENT;
}

static bool
says_something(enum decision d)
{
	return d == DECISION_REJECT || d == DECISION_DISCONNECT || d == DECISION_REWRITE || d == DECISION_REPORT;
}

static void
check_filter(const struct filter *f)
{
	size_t	 i;

	switch (f->kind) {
	case FILTER_RULE:
		if (f->phase >= PHASE_MAX || f->phase == PHASE_DATA_LINE || (f->table != NULL) != looks_up(f->condition) ||
		    f->action == DECISION_PROCEED || (f->text != NULL) != says_something(f->action))
			abort();
		break;
	case FILTER_PROC:
		if (f->proc == NULL || !f->proc->is_filter || (f->name == NULL) != (f->phases != 0))
			abort();
		break;
	case FILTER_CHAIN:
		if (f->name == NULL || f->nmembers == 0)
			abort();
		for (i = 0; i < f->nmembers; i++)
			if (f->members[i]->kind == FILTER_CHAIN)
				abort();
	}
}

/* Each filter has a bit of its own and, without a handshake, phases or only events. */
static void
check_procs(const struct conf *conf)
{
	const struct proc_conf	*p;
	uint64_t		 bits = 0;

	TAILQ_FOREACH(p, &conf->procs, entry) {
		if (p->command == NULL || p->dialect < DIALECT_1 || p->dialect > DIALECT_0_7)
			abort();
		if (!p->is_filter && (p->attached | p->phases) != 0)
			abort();
		if (!p->is_filter)
			continue;
		if (p->bit >= CONF_FILTER_PROCS || (bits >> p->bit & 1) != 0)
			abort();
		bits |= (uint64_t)1 << p->bit;
		if (p->dialect == DIALECT_1 && p->phases == 0 && p->reports == 0)
			abort();
	}
}

/* What the processes rely on without asking. */
static void
check(const struct conf *conf)
{
	const struct listen	*l;
	const struct action	*a;
	const struct rule	*r;
	const struct filter	*f;
	unsigned		 sockets = 0, index = 0, filters = 0;

	TAILQ_FOREACH(l, &conf->listens, entry) {
		sockets += l->socket;
		if (l->index != index++ || (!l->socket && (l->on == NULL || l->port == 0)))
			abort();
	}
	if (sockets != 1 || TAILQ_EMPTY(&conf->rules))
		abort();
	TAILQ_FOREACH(a, &conf->actions, entry)
		if ((a->kind == ACTION_RELAY ? a->relay == NULL : a->arg == NULL) || (a->alias != NULL && a->virtual != NULL))
			abort();
	TAILQ_FOREACH(r, &conf->rules, entry)
		if (STAILQ_EMPTY(&r->criteria))
			abort();
	TAILQ_FOREACH(f, &conf->filters, entry) {
		if (f->index != filters++)
			abort();
		check_filter(f);
	}
	check_procs(conf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t	 none[1];
	struct conf_sources	 sources = TAILQ_HEAD_INITIALIZER(sources);
	const uint8_t		*nul = size == 0 ? NULL : memchr(data, '\0', size);
	size_t			 first = nul == NULL ? size : (size_t)(nul - data), said;
	struct conf		*conf;
	char			*errors = NULL;
	FILE			*f;

	source_add(&sources, "main", size == 0 ? none : data, first);
	if (nul != NULL)
		source_add(&sources, "f", nul + 1, size - first - 1);
	if ((f = open_memstream(&errors, &said)) == NULL)
		abort();
	conf = conf_parse(&sources, NULL, f);
	fclose(f);
	if ((conf == NULL) == (said == 0))
		abort();
	if (conf != NULL)
		check(conf);
	conf_free(conf);
	free(errors);
	return 0;
}
