/* SPDX-License-Identifier: ISC */
/*
 * smtpd.conf as a whole: the table of directives, defaults, and what is done
 * with a file and those it includes.  The grammar of each directive is in
 * conf_*.c; the parser's tools are in conf_lex.c, conf_value.c, conf_error.c.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/conf_parse.h"

#define MAILNAME	SYSCONFDIR "/mail/mailname"
#define INCLUDES_MAX	256

const struct conf_word conf_directives[] = {
	{ .name = "action",	.parse = conf_parse_action },
	{ .name = "admd",	.parse = conf_parse_admd },
	{ .name = "bounce",	.parse = conf_parse_bounce },
	{ .name = "ca",		.parse = conf_parse_ca },
	{ .name = "control",	.parse = conf_parse_control },
	{ .name = "dns",	.parse = conf_parse_dns },
	{ .name = "filter",	.parse = conf_parse_filter },
	{ .name = "include",	.parse = conf_parse_include },
	{ .name = "listen",	.parse = conf_parse_listen },
	{ .name = "match",	.parse = conf_parse_match },
	{ .name = "mta",	.parse = conf_parse_mta },
	{ .name = "pki",	.parse = conf_parse_pki },
	{ .name = "proc",	.parse = conf_parse_proc },
	{ .name = "queue",	.parse = conf_parse_queue },
	{ .name = "report",	.parse = conf_parse_report },
	{ .name = "smtp",	.parse = conf_parse_smtp },
	{ .name = "spool",	.parse = conf_parse_spool },
	{ .name = "srs",	.parse = conf_parse_srs },
	{ .name = "table",	.parse = conf_parse_table },
	/* OpenSMTPD's, not ours yet */
	{ .name = "mda" },
	{ .name = "scheduler" },
	/* OpenSMTPD's before 6.4 */
	{ "accept", conf_parse_old_rule, "match", 0, 0 },
	{ "reject", conf_parse_old_rule, "match", 0, 0 },
	{ "limit", conf_parse_old_setting, "limit", 0, 0 },
	{ "expire", conf_parse_old_setting, "queue ttl", 0, 0 },
	{ "bounce-warn", conf_parse_old_setting, "bounce warn-interval", 0, 0 },
	{ "ciphers", conf_parse_old_setting, "smtp ciphers", 0, 0 },
	{ "max-message-size", conf_parse_old_setting, "smtp max-message-size", 0, 0 },
	{ "subaddressing-delimiter", conf_parse_old_setting, "smtp sub-addr-delim", 0, 0 },
};
const size_t conf_ndirectives = nitems(conf_directives);

/* The first line of mailname, else the system's own name; never asks a resolver. */
static void
hostname_default(char *name, size_t size)
{
	FILE	*f;

	name[0] = '\0';
	if ((f = fopen(MAILNAME, "re")) != NULL) {
		if (fgets(name, (int)size, f) == NULL)
			name[0] = '\0';
		fclose(f);
		name[strcspn(name, " \t\r\n")] = '\0';
	}
	if (name[0] == '\0' && gethostname(name, size) == -1)
		name[0] = '\0';
	name[size - 1] = '\0';
	if (name[0] == '\0')
		strlcpy(name, "localhost", size);
}

struct conf *
conf_new(struct conf_sources *sources)
{
	struct conf	*conf = conf_zalloc(sizeof(*conf));

	TAILQ_INIT(&conf->tables);
	TAILQ_INIT(&conf->listens);
	TAILQ_INIT(&conf->pkis);
	TAILQ_INIT(&conf->cas);
	TAILQ_INIT(&conf->actions);
	TAILQ_INIT(&conf->rules);
	TAILQ_INIT(&conf->procs);
	TAILQ_INIT(&conf->filters);
	TAILQ_INIT(&conf->sources);
	if (sources != NULL)
		TAILQ_CONCAT(&conf->sources, sources, entry);
	hostname_default(conf->hostname, sizeof(conf->hostname));
	conf->spool = conf_strdup(SPOOLDIR);
	conf->control = conf_strdup(CONTROLSOCK);
	conf->queue_ttl = 4 * 24 * 60 * 60;
	conf->max_message_size = (size_t)35 * 1024 * 1024;
	conf->sub_addr_delim = '+';
	conf->max_mails = 100;
	conf->max_rcpt = 1000;
	conf->max_line = 65536;
	conf->max_errors = 20;
	conf->idle = 300;
	conf->bounce_warn[0] = 4 * 60 * 60;
	conf->max_deferred = 100;
	conf->srs_ttl = 4 * 24 * 60 * 60;
	conf->resolv_conf = conf_strdup("/etc/resolv.conf");
	conf->hosts = conf_strdup("/etc/hosts");
	conf->dns_timeout = 10;
	conf->stats_interval = CONF_STATS;
	return conf;
}

/* Reads a file and appends it; NULL with errno. */
static struct conf_source *
source_read(struct conf_sources *sources, const char *path)
{
	struct conf_source	*source;
	FILE			*f;
	size_t			 room = 0;
	ssize_t			 n;
	int			 failed;

	if ((f = fopen(path, "re")) == NULL)
		return NULL;
	source = conf_zalloc(sizeof(*source));
	/* the NUL that getdelim() stops at is in no configuration: what follows one is an error anyway */
	n = getdelim(&source->text, &room, '\0', f);
	failed = ferror(f) ? errno : 0;
	fclose(f);
	if (failed != 0) {
		free(source->text);
		free(source);
		errno = failed;
		return NULL;
	}
	source->name = conf_strdup(path);
	source->size = n == -1 ? 0 : (size_t)n;
	TAILQ_INSERT_TAIL(sources, source, entry);
	return source;
}

int
conf_parse_include(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf_source	*source;

	(void)w;
	(void)arg;
	conf_next(p);
	if (p->token.kind > TOKEN_STRING)
		return conf_error(p, "expected the path of a file");
	TAILQ_FOREACH(source, &p->conf->sources, entry)
		if (strcmp(source->name, p->token.text) == 0)
			break;
	if (source == NULL && p->read_files &&
	    (source = source_read(&p->conf->sources, p->token.text)) == NULL)
		return conf_error(p, "cannot read it: %s", strerror(errno));
	if (source == NULL)
		return conf_error(p, "was not read");
	if (conf_reading(p, source))
		return conf_error(p, "a file cannot include itself");
	if (++p->nincludes > INCLUDES_MAX)
		return conf_error(p, "too many includes");
	if (conf_end(p) == -1)
		return -1;
	/* the end of this line is read again, before the first of the file */
	conf_back(p);
	conf_push_file(p, source);
	return 0;
}

/* NAME = value, NAME being read and the sign to come. */
static int
macro_assign(struct conf_parser *p, const char *name)
{
	char	*value = NULL;
	size_t	 i;

	for (i = 0; name[i] != '\0'; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return conf_error(p, "expected a macro's name of letters, digits and _ before it");
	conf_next(p);
	if (p->token.kind > TOKEN_STRING)
		return conf_error(p, "expected the macro's value");
	value = conf_strdup(p->token.text);
	conf_macro_set(p, name, value, false);
	free(value);
	return 0;
}

/* A word that begins no directive may be a macro's name. */
static int
macro_or_unknown(struct conf_parser *p)
{
	struct nearest		 nearest;
	struct conf_token	 at;
	size_t			 i;
	int			 result;

	conf_token_copy(&at, &p->token);
	if (conf_accept(p, "="))
		result = macro_assign(p, at.text);
	else {
		nearest_init(&nearest, slice_str(at.text));
		for (i = 0; i < conf_ndirectives; i++)
			nearest_try(&nearest, conf_directives[i].name);
		result = conf_error_at(p, &at, "no such directive%s", conf_nearest_hint(&nearest));
	}
	conf_token_free(&at);
	return result;
}

static int
directive(struct conf_parser *p)
{
	const struct conf_word	*w;

	if (p->token.kind != TOKEN_WORD)
		return conf_error(p, "expected a directive");
	if (!conf_word_known(p, conf_directives, conf_ndirectives))
		return macro_or_unknown(p);
	if ((w = conf_word_find(p, conf_directives, conf_ndirectives, "directive")) == NULL)
		return -1;
	return w->parse(p, w, NULL);
}

static void
set_macros(struct conf_parser *p, char *const macros[])
{
	char	*name, *value;

	for (; macros != NULL && *macros != NULL; macros++) {
		name = conf_strdup(*macros);
		if ((value = strchr(name, '=')) == NULL || value == name) {
			fprintf(p->errors, "-D %s: expected NAME=VALUE\n", name);
			p->nerrors++;
		} else {
			*value++ = '\0';
			conf_macro_set(p, name, value, true);
		}
		free(name);
	}
}

/* Reads the first of the sources, and what it includes; p->conf is NULL if that went wrong. */
static struct conf *
parse(struct conf_parser *p, char *const macros[])
{
	p->checks_end = &p->checks;
	set_macros(p, macros);
	conf_push_file(p, TAILQ_FIRST(&p->conf->sources));
	while (conf_next(p) != TOKEN_EOF) {
		if (p->token.kind != TOKEN_EOL && (directive(p) == -1 || conf_end(p) == -1))
			conf_skip(p);
		p->muted = false;
	}
	if (p->nerrors == 0 && TAILQ_EMPTY(&p->conf->rules))
		conf_error(p, "no match directive: no mail would be accepted");
	conf_proc_settle(p->conf);
	conf_run_deferred(p);
	conf_listen_default(p->conf);
	conf_lex_free(p);
	if (p->nerrors == 0)
		return p->conf;
	conf_free(p->conf);
	return NULL;
}

struct conf *
conf_load(const char *path, char *const macros[], FILE *errors)
{
	struct conf_parser	 p = { .errors = errors, .read_files = true };

	p.conf = conf_new(NULL);
	if (source_read(&p.conf->sources, path) == NULL) {
		fprintf(errors, "%s: %s\n", path, strerror(errno));
		conf_free(p.conf);
		return NULL;
	}
	return parse(&p, macros);
}

struct conf *
conf_parse(struct conf_sources *sources, char *const macros[], FILE *errors)
{
	struct conf_parser	 p = { .errors = errors };

	p.conf = conf_new(sources);
	if (TAILQ_EMPTY(&p.conf->sources)) {
		fputs("no configuration\n", errors);
		conf_free(p.conf);
		return NULL;
	}
	return parse(&p, macros);
}

struct action *
conf_action(const struct conf *conf, struct slice name)
{
	struct action	*a;

	TAILQ_FOREACH(a, &conf->actions, entry)
		if (slice_eq(slice_str(a->name), name))
			break;
	return a;
}

struct table *
conf_table(const struct conf *conf, struct slice name)
{
	struct table	*t;

	TAILQ_FOREACH(t, &conf->tables, entry)
		if (slice_eq(slice_str(t->name), name))
			break;
	return t;
}

struct filter *
conf_filter(const struct conf *conf, struct slice name)
{
	struct filter	*f;

	TAILQ_FOREACH(f, &conf->filters, entry)
		if (f->name != NULL && slice_eq(slice_str(f->name), name))
			break;
	return f;
}

uint64_t
conf_filter_bits(const struct filter *f)
{
	uint64_t	 bits = 0;
	size_t		 i;

	if (f == NULL)
		return 0;
	if (f->proc != NULL)
		bits |= (uint64_t)1 << f->proc->bit;
	for (i = 0; i < f->nmembers; i++)
		bits |= conf_filter_bits(f->members[i]);
	return bits;
}

uint64_t
conf_relay_bits(const struct conf *conf, const struct relay *r)
{
	const struct proc_conf	*p;
	uint64_t		 bits = conf_filter_bits(r->filter);

	TAILQ_FOREACH(p, &conf->procs, entry)
		if ((p->founding & p->attached & 1u << SUBSYSTEM_SMTP_OUT) != 0)
			bits |= (uint64_t)1 << p->bit;
	return bits;
}

struct pki *
conf_pki(const struct conf *conf, const char *name)
{
	struct pki	*pki;

	TAILQ_FOREACH(pki, &conf->pkis, entry)
		if (strcasecmp(pki->name, name) == 0)
			break;
	return pki;
}

struct ca *
conf_ca(const struct conf *conf, const char *name)
{
	struct ca	*ca;

	TAILQ_FOREACH(ca, &conf->cas, entry)
		if (strcasecmp(ca->name, name) == 0)
			break;
	return ca;
}
