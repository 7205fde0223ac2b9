/* SPDX-License-Identifier: ISC */
/*
 * What became of a question: one block for the records and their texts.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/dns_set.h"

void
dns_found_clear(struct dns_found *f)
{
	f->status = DNS_NODATA;
	f->error = NULL;
	f->ttl = 0;
	f->canonical[0] = '\0';
	f->n = f->used = 0;
}

char *
dns_found_room(struct dns_found *f, size_t n)
{
	char	*p = f->text + f->used;

	if (f->n == DNS_RECORDS || n > sizeof(f->text) - f->used)
		return NULL;
	f->used += n;
	return p;
}

struct dns_set *
dns_set_make(const struct dns_found *f, enum dns_type type)
{
	struct dns_set		*set;
	struct dns_record	*r;
	size_t			 size, canonical = strlen(f->canonical) + 1, i;
	char			*text;

	size = sizeof(*set) + f->n * sizeof(set->record[0]) + f->used + canonical;
	if ((set = malloc(size)) == NULL)
		return NULL;
	set->refs = 1;
	set->size = size;
	set->status = f->status;
	set->error = f->error;
	set->ttl = f->ttl;
	set->n = f->n;
	text = (char *)&set->record[f->n];
	memcpy(text, f->text, f->used);
	for (i = 0; i < f->n; i++) {
		r = &set->record[i];
		*r = f->record[i];
		if (type == DNS_PTR)
			r->name = text + (r->name - f->text);
		else if (type == DNS_MX)
			r->mx.name = text + (r->mx.name - f->text);
		else if (type == DNS_TXT)
			r->text.p = text + (r->text.p - f->text);
	}
	set->canonical = memcpy(text + f->used, f->canonical, canonical);
	return set;
}

struct dns_set *
dns_set_ref(struct dns_set *set)
{
	set->refs++;
	return set;
}

void
dns_set_unref(struct dns_set *set)
{
	if (set != NULL && --set->refs == 0)
		free(set);
}
