/* SPDX-License-Identifier: ISC */
/*
 * smtpd.conf: the input is the main file, a NUL, and a file that it may
 * include as "f".  A configuration is given, or an error, never both or none.
 */
/* objects: smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/log.o */
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

/* What the processes rely on without asking. */
static void
check(const struct conf *conf)
{
	const struct listen	*l;
	const struct action	*a;
	const struct rule	*r;
	unsigned		 sockets = 0, index = 0;

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
