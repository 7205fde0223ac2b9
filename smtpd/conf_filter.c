/* SPDX-License-Identifier: ISC */
/*
 * `filter`: who decides.  A filter with a name is a rule (conf_rule.c), a proc
 * or a chain of such, and holds for what names it; one that begins with
 * smtp-in, the grammar of 2018, has no name and holds for listeners.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/conf_parse.h"
#include "smtpd/log.h"

#define NAME_BYTES	64
#define PHASES_ALL	((1u << PHASE_MAX) - 1)

static int	body_chain(struct conf_parser *, const struct conf_word *, void *);
static int	body_proc(struct conf_parser *, const struct conf_word *, void *);
static int	body_proc_exec(struct conf_parser *, const struct conf_word *, void *);
static int	body_rule(struct conf_parser *, const struct conf_word *, void *);
static int	body_shadow(struct conf_parser *, const struct conf_word *, void *);
static int	stream_filter(struct conf_parser *, const struct conf_word *, void *);

/* What stands after the name. */
static const struct conf_word bodies[] = {
	{ .name = "phase", .parse = body_rule, .value = RULE_PHASE },
	{ .name = "proc", .parse = body_proc },
	{ .name = "proc-exec", .parse = body_proc_exec },
	{ .name = "chain", .parse = body_chain },
	{ .name = "shadow", .parse = body_shadow },
	{ .name = "builtin", .parse = body_rule, .value = RULE_BUILTIN },
};

/* The words that stand in place of a name; value: bits 1 << enum subsystem. */
static const struct conf_word streams[] = {
	{ .name = "smtp", .parse = stream_filter, .value = 1 << SUBSYSTEM_SMTP_IN | 1 << SUBSYSTEM_SMTP_OUT },
	{ .name = "smtp-in", .parse = stream_filter, .value = 1 << SUBSYSTEM_SMTP_IN },
	{ .name = "smtp-out", .parse = stream_filter, .value = 1 << SUBSYSTEM_SMTP_OUT },
};

/* Where filters are installed: ours, and those of OpenSMTPD, built by hand or by Debian. */
static const char *const filter_dirs[] = { LIBEXECDIR, "/usr/local/libexec/opensmtpd", "/usr/libexec/opensmtpd" };

static struct filter *
filter_new(struct conf *conf, enum filter_kind kind)
{
	struct filter	*f = conf_zalloc(sizeof(*f)), *other;

	TAILQ_FOREACH(other, &conf->filters, entry)
		f->index++;
	f->kind = kind;
	TAILQ_INSERT_TAIL(&conf->filters, f, entry);
	return f;
}

/* It stands in report lines and in names of counters. */
static bool
name_valid(const char *s)
{
	size_t	 i;

	for (i = 0; s[i] != '\0'; i++)
		if (i == NAME_BYTES || strchr("|<>", s[i]) != NULL || isspace((unsigned char)s[i]) ||
		    iscntrl((unsigned char)s[i]))
			return false;
	return true;
}

/* -- chains, and what other directives say after `filter` -- */

/* Is the same proc in it already? */
static bool
chain_has(const struct filter *chain, const struct filter *f)
{
	size_t	 i;

	for (i = 0; i < chain->nmembers; i++)
		if (chain->members[i] == f || (f->proc != NULL && chain->members[i]->proc == f->proc))
			return true;
	return false;
}

/* The name of a filter, which is the last token. */
static int
filter_named(struct conf_parser *p, struct filter **out)
{
	struct nearest	 nearest;
	struct filter	*f;

	if (p->token.kind > TOKEN_STRING)
		return conf_error(p, "expected the name of a filter");
	if ((*out = conf_filter(p->conf, slice_str(p->token.text))) != NULL)
		return 0;
	nearest_init(&nearest, slice_str(p->token.text));
	TAILQ_FOREACH(f, &p->conf->filters, entry)
		if (f->name != NULL && *f->name != '<')	/* one that somebody wrote */
			nearest_try(&nearest, f->name);
	return conf_error(p, "no such filter above%s", conf_nearest_hint(&nearest));
}

static int
chain_add(struct conf_parser *p, struct filter *chain)
{
	struct filter	*f;

	if (filter_named(p, &f) == -1)
		return -1;
	if (f->kind == FILTER_CHAIN)
		return conf_error(p, "a chain holds no chains: name its filters");
	if (chain_has(chain, f))
		return conf_error(p, "is in this chain already");
	chain->members = reallocarray(chain->members, chain->nmembers + 1, sizeof(*chain->members));
	if (chain->members == NULL)
		fatal("smtpd.conf");
	chain->members[chain->nmembers++] = f;
	return 0;
}

/* After the brace: names, with commas or ends of line between. */
static int
chain_read(struct conf_parser *p, struct filter *chain)
{
	bool	 directive;

	for (;;) {
		conf_element(p, &directive);
		if (directive)
			return conf_error(p, "a } is missing before this line");
		if (chain->nmembers > 0 && conf_is_punct(p, "}"))
			return 0;
		if (chain->nmembers > 0 && conf_is_punct(p, ","))
			continue;
		if (chain_add(p, chain) == -1)
			return -1;
	}
}

int
conf_filter_value(struct conf_parser *p, struct filter **out)
{
	char	 name[32];

	conf_next(p);
	if (!conf_is_punct(p, "{"))
		return filter_named(p, out);
	*out = filter_new(p->conf, FILTER_CHAIN);
	snprintf(name, sizeof(name), "<dynamic:%u>", p->ndynamic++);
	(*out)->name = conf_strdup(name);
	return chain_read(p, *out);
}

void
conf_filter_attach(struct filter *f, enum subsystem s)
{
	size_t	 i;

	if (f->proc != NULL)
		f->proc->attached |= 1u << s;
	for (i = 0; i < f->nmembers; i++)
		conf_filter_attach(f->members[i], s);
}

bool
conf_filter_asks(const struct filter *f, unsigned phases)
{
	size_t	 i;

	for (i = 0; i < f->nmembers; i++)
		if (conf_filter_asks(f->members[i], phases))
			return true;
	return f->kind == FILTER_PROC || (f->kind == FILTER_RULE && (phases >> f->phase & 1) != 0);
}

/* -- filters with a name -- */

static int
body_chain(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f = arg;

	(void)w;
	if (f->shadow)
		return conf_error(p, "write shadow into the filters of the chain");
	f->kind = FILTER_CHAIN;
	conf_next(p);
	if (!conf_is_punct(p, "{"))
		return conf_error(p, "expected { FILTER, ... }");
	return chain_read(p, f);
}

/* Without a handshake it cannot say what it wants to be asked. */
static int
check_phases(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	const struct proc_conf	*proc = arg;

	if (filter_has_handshake(proc->dialect) || proc->phases != 0)
		return 0;
	return conf_error_at(p, at, "in protocol \"1\" a filter does not say its phases: "
	    "add filter smtp-in PHASE on %s", proc->name);
}

static int
body_proc(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f = arg;

	(void)w;
	f->kind = FILTER_PROC;
	if (conf_proc_named(p, &f->proc) == -1 || conf_proc_filters(p, f->proc) == -1)
		return -1;
	conf_defer(p, check_phases, f->proc);
	return 0;
}

char *
conf_filter_command(const char *command, const char *const *dirs, size_t n)
{
	size_t	 i, word = strcspn(command, " \t");
	char	*path, *full;
	int	 missing;

	for (i = 0; *command != '/' && i < n; i++) {
		if (asprintf(&full, "%s/%s", dirs[i], command) == -1)
			fatal("smtpd.conf");
		if ((path = strndup(full, strlen(dirs[i]) + 1 + word)) == NULL)
			fatal("smtpd.conf");
		missing = access(path, X_OK);
		free(path);
		if (!missing)
			return full;
		free(full);
	}
	return conf_strdup(command);
}

/* A proc named as the filter is. */
static int
body_proc_exec(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f = arg;
	char		*command = NULL;

	(void)w;
	f->kind = FILTER_PROC;
	if (conf_proc_find(p->conf, f->name) != NULL)
		return conf_error(p, "there is a proc of that name already: write proc %s, or another name", f->name);
	if (conf_string(p, "a command", &command) == -1)
		return -1;
	f->proc = conf_proc_new(p->conf, f->name);
	/* only the parent reads files, and it alone runs the command */
	f->proc->command = conf_filter_command(command, filter_dirs, p->read_files ? nitems(filter_dirs) : 0);
	free(command);
	if (conf_proc_filters(p, f->proc) == -1)
		return -1;
	conf_defer(p, check_phases, f->proc);
	return conf_proc_options(p, f->proc);
}

static int
body_rule(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f = arg;

	if (conf_rule_phase(p, f) == -1)
		return -1;
	return conf_rule(p, f, (enum rule_grammar)w->value);
}

static int
body_shadow(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f = arg;

	if (f->shadow)
		return conf_error(p, "said twice");
	f->shadow = true;
	conf_next(p);
	if ((w = conf_word_find(p, bodies, nitems(bodies), "kind of filter")) == NULL)
		return -1;
	return w->parse(p, w, f);
}

/* -- the grammar of 2018 -- */

static int
stream_phases(struct conf_parser *p, struct filter *f, unsigned phases)
{
	struct proc_conf	*proc;
	unsigned		 twice;

	f->kind = FILTER_PROC;
	f->phases = phases;
	if (conf_proc_named(p, &proc) == -1 || conf_proc_filters(p, proc) == -1)
		return -1;
	f->proc = proc;
	proc->founding |= 1u << SUBSYSTEM_SMTP_IN;
	if ((twice = proc->phases & phases) != 0)
		return conf_error(p, "is asked in that phase already");
	proc->phases |= phases;
	conf_filter_attach(f, SUBSYSTEM_SMTP_IN);
	return 0;
}

/* smtp-in on NAME: all phases; smtp-out on NAME: what is said there. */
static int
stream_on(struct conf_parser *p, unsigned streams_on)
{
	struct proc_conf	*proc;

	if ((streams_on & 1u << SUBSYSTEM_SMTP_IN) != 0) {
		if (stream_phases(p, filter_new(p->conf, FILTER_PROC), PHASES_ALL) == -1)
			return -1;
		if (streams_on == 1u << SUBSYSTEM_SMTP_IN)
			return 0;
		conf_back(p);
	}
	if (conf_proc_named(p, &proc) == -1 || conf_proc_filters(p, proc) == -1)
		return -1;
	if ((proc->founding & 1u << SUBSYSTEM_SMTP_OUT) != 0)
		return conf_error(p, "is told that already");
	proc->founding |= 1u << SUBSYSTEM_SMTP_OUT;
	proc->attached |= 1u << SUBSYSTEM_SMTP_OUT;
	return 0;
}

static int
stream_filter(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f;

	(void)arg;
	conf_next(p);
	if (conf_is_word(p, "on"))
		return stream_on(p, (unsigned)w->value);
	if (((unsigned)w->value & 1u << SUBSYSTEM_SMTP_IN) == 0)
		return conf_error(p, "expected on: nothing is decided in sessions that go out");
	conf_back(p);
	f = filter_new(p->conf, FILTER_RULE);
	if (conf_rule_phase(p, f) == -1)
		return -1;
	conf_next(p);
	if (conf_is_word(p, "on"))
		return stream_phases(p, f, 1u << f->phase);
	conf_back(p);
	return conf_rule(p, f, RULE_FOUNDING);
}

int
conf_parse_filter(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f;

	(void)arg;
	conf_next(p);
	if (conf_word_known(p, streams, nitems(streams))) {
		w = conf_word_find(p, streams, nitems(streams), "stream to filter");
		return w->parse(p, w, NULL);
	}
	if (p->token.kind > TOKEN_STRING || p->token.size == 0)
		return conf_error(p, "expected a name for the filter, or smtp-in");
	if (!name_valid(p->token.text))
		return conf_error(p, "the name of a filter has at most %d bytes, and no blanks, |, < or >", NAME_BYTES);
	if (conf_filter(p->conf, slice_str(p->token.text)) != NULL)
		return conf_error(p, "there is a filter of that name already");
	f = filter_new(p->conf, FILTER_RULE);
	f->name = conf_strdup(p->token.text);
	conf_next(p);
	if ((w = conf_word_find(p, bodies, nitems(bodies), "kind of filter")) == NULL)
		return -1;
	return w->parse(p, w, f);
}

int
conf_parse_admd(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	(void)arg;
	if (conf_string(p, "a name", &p->conf->admd) == -1)
		return -1;
	if (!name_valid(p->conf->admd))
		return conf_error(p, "a name has at most %d bytes, and no blanks, |, < or >", NAME_BYTES);
	return 0;
}
