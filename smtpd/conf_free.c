/* SPDX-License-Identifier: ISC */
/*
 * Gives back all that a struct conf holds, however far the parser came.
 */
#include <stdlib.h>

#include "smtpd/conf.h"
#include "smtpd/table.h"

/* Empties a queue, calling release on each element. */
#define QUEUE_FREE(head, release) do {					\
	void	*queue_item;						\
									\
	while ((queue_item = TAILQ_FIRST(head)) != NULL) {		\
		TAILQ_REMOVE(head, TAILQ_FIRST(head), entry);		\
		release(queue_item);					\
	}								\
} while (0)

static void
source_free(struct conf_source *s)
{
	free(s->name);
	free(s->text);
	free(s);
}

static void
listen_free(struct listen *l)
{
	free(l->on);
	free(l->pki);
	free(l->hostname);
	free(l->tag);
	free(l);
}

static void
pki_free(struct pki *pki)
{
	free(pki->name);
	free(pki->cert);
	free(pki->key);
	free(pki);
}

static void
ca_free(struct ca *ca)
{
	free(ca->name);
	free(ca->cert);
	free(ca);
}

static void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	free(r->host);
	free(r->label);
	free(r->helo);
	free(r->ca);
	free(r->pki);
	free(r->protocols);
	free(r->ciphers);
	free(r->mail_from);
	free(r->backup_name);
	free(r);
}

static void
action_free(struct action *a)
{
	free(a->name);
	free(a->arg);
	free(a->user);
	relay_free(a->relay);
	free(a);
}

static void
rule_free(struct rule *r)
{
	struct criterion	*c;

	while ((c = STAILQ_FIRST(&r->criteria)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->criteria, entry);
		free(c);
	}
	free(r);
}

static void
proc_free(struct proc_conf *p)
{
	free(p->name);
	free(p->command);
	free(p->user);
	free(p->group);
	free(p->chroot);
	free(p);
}

static void
filter_free(struct filter *f)
{
	free(f->name);
	free(f->text);
	free(f->members);
	free(f);
}

void
conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	QUEUE_FREE(&conf->rules, rule_free);
	QUEUE_FREE(&conf->actions, action_free);
	QUEUE_FREE(&conf->tables, table_free);
	QUEUE_FREE(&conf->listens, listen_free);
	QUEUE_FREE(&conf->pkis, pki_free);
	QUEUE_FREE(&conf->cas, ca_free);
	QUEUE_FREE(&conf->filters, filter_free);
	QUEUE_FREE(&conf->procs, proc_free);
	QUEUE_FREE(&conf->sources, source_free);
	free(conf->spool);
	free(conf->control);
	free(conf->srs_key);
	free(conf->srs_key_backup);
	free(conf->resolvers);
	free(conf->resolv_conf);
	free(conf->hosts);
	free(conf->admd);
	free(conf);
}
