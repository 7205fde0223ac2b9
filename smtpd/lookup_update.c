/* SPDX-License-Identifier: ISC */
/*
 * smtpctl update table: its file is read again, at once.  lookup process.
 */
#include <errno.h>
#include <stdio.h>

#include "lib/nearest.h"
#include "smtpd/conf_parse.h"
#include "smtpd/log.h"
#include "smtpd/lookup.h"

/* Lists that stand in a directive have names of ours, with brackets. */
static bool
is_named(const struct table *t)
{
	return t->name[0] != '<';
}

static const char *
hint(const struct conf *conf, struct slice name)
{
	const struct table	*t;
	struct nearest		 near;

	nearest_init(&near, name);
	TAILQ_FOREACH(t, &conf->tables, entry)
		if (is_named(t))
			nearest_try(&near, t->name);
	return conf_nearest_hint(&near);
}

bool
lookup_update(const struct conf *conf, struct slice name, char *text, size_t size)
{
	struct table	*t = conf_table(conf, name);
	size_t		 n;

	if (t == NULL || !is_named(t)) {
		snprintf(text, size, "no table \"%.*s\"%s", (int)name.n, name.p, hint(conf, name));
		return false;
	}
	if (t->path == NULL) {
		snprintf(text, size, "table %s is written in smtpd.conf: it changes when smtpd starts anew",
		    t->name);
		return false;
	}
	if (table_update(t, &n) == -1) {
		snprintf(text, size, "table %s stays as it is: %s: %s", t->name, t->path, strerror(errno));
		return false;
	}
	log_info("smtpctl update table %s", t->name);
	snprintf(text, size, "table %s: %zu entries\n", t->name, n);
	return true;
}
