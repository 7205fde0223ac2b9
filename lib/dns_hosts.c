/* SPDX-License-Identifier: ISC */
/*
 * The hosts file, as rows of the names that can be asked for: those in it, and
 * those of its addresses in the reverse tree.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns_hosts.h"
#include "lib/dns_name.h"

#define REVERSE_MAX	(sizeof("ip6.arpa") + 64)	/* the longest name of an address */

struct dns_hosts_row {
	const char		*name;
	size_t			 line;		/* keeps the file's order */
	enum dns_type		 type;
	union {
		struct in_addr	 a;
		struct in6_addr	 aaaa;
		const char	*host;
	};
};

/* Where rows and their names are gathered. */
struct reader {
	struct dns_hosts_row	*row;
	size_t			 n, room;
	char			*text;		/* never moves: the rows point into it */
	size_t			 used;
};

static int
row_compare(const void *pa, const void *pb)
{
	const struct dns_hosts_row	*a = pa, *b = pb;
	int				 c = strcmp(a->name, b->name);

	return c != 0 ? c : (a->line > b->line) - (a->line < b->line);
}

static const char *
keep(struct reader *r, const char *name, size_t n)
{
	char	*to = r->text + r->used;
	size_t	 i;

	for (i = 0; i < n; i++)
		to[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
	to[n] = '\0';
	r->used += n + 1;
	return to;
}

static struct dns_hosts_row *
row_add(struct reader *r, const char *name, enum dns_type type)
{
	struct dns_hosts_row	*row;
	size_t			 room = r->room == 0 ? 16 : 2 * r->room;

	if (r->n == r->room) {
		if ((row = reallocarray(r->row, room, sizeof(*row))) == NULL)
			return NULL;
		r->row = row;
		r->room = room;
	}
	row = &r->row[r->n];
	*row = (struct dns_hosts_row){ .name = name, .line = r->n++, .type = type };
	return row;
}

/* The next word of a line, or n == 0. */
static struct slice
word(struct slice *line)
{
	struct slice	 w;

	while (line->n > 0 && (*line->p == ' ' || *line->p == '\t' || *line->p == '\r')) {
		line->p++;
		line->n--;
	}
	w = slice_make(line->p, 0);
	while (line->n > 0 && *line->p != ' ' && *line->p != '\t' && *line->p != '\r') {
		line->p++;
		line->n--;
		w.n++;
	}
	return w;
}

static int
address(struct slice w, struct sockaddr_storage *ss, struct dns_hosts_row *row)
{
	struct sockaddr_in	*in = (struct sockaddr_in *)ss;
	struct sockaddr_in6	*in6 = (struct sockaddr_in6 *)ss;
	char			 text[INET6_ADDRSTRLEN];

	if (w.n == 0 || w.n >= sizeof(text))
		return 0;
	memcpy(text, w.p, w.n);
	text[w.n] = '\0';
	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		ss->ss_family = AF_INET;
		row->type = DNS_A;
		row->a = in->sin_addr;
		return 1;
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		ss->ss_family = AF_INET6;
		row->type = DNS_AAAA;
		row->aaaa = in6->sin6_addr;
		return 1;
	}
	return 0;
}

/* -1: no memory. */
static int
line_read(struct reader *r, struct slice line)
{
	struct sockaddr_storage	 ss;
	struct dns_hosts_row	 of, *row;
	struct slice		 w;
	char			 name[DNS_NAME_MAX + 1], reverse[DNS_NAME_MAX + 1];
	const char		*kept;
	int			 first = 1;

	if (!address(word(&line), &ss, &of))
		return 0;
	while ((w = word(&line)).n > 0) {
		if (w.p[w.n - 1] == '.')
			w.n--;
		if (w.n >= sizeof(name))
			continue;
		memcpy(name, w.p, w.n);
		name[w.n] = '\0';
		if (!dns_name_is_host(name) || strlen(name) != w.n)
			continue;
		kept = keep(r, name, w.n);
		if ((row = row_add(r, kept, of.type)) == NULL)
			return -1;
		if (of.type == DNS_A)
			row->a = of.a;
		else
			row->aaaa = of.aaaa;
		if (!first)
			continue;
		first = 0;
		dns_name_reverse((struct sockaddr *)&ss, reverse);
		if ((row = row_add(r, keep(r, reverse, strlen(reverse)), DNS_PTR)) == NULL)
			return -1;
		row->host = kept;
	}
	return 0;
}

int
dns_hosts_read(struct dns_hosts *h, struct slice text)
{
	struct reader	 r = { 0 };
	struct slice	 line;
	const char	*p = text.p, *end = p + text.n, *eol;
	size_t		 lines = 1, i;

	for (i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	if ((r.text = malloc(text.n + 1 + lines * REVERSE_MAX)) == NULL)
		return -1;
	for (; p < end; p = eol + 1) {
		if ((eol = memchr(p, '\n', end - p)) == NULL)
			eol = end;
		line = slice_make(p, eol - p);
		if ((p = memchr(line.p, '#', line.n)) != NULL)
			line.n = p - line.p;
		if (line_read(&r, line) == -1) {
			free(r.row);
			free(r.text);
			return -1;
		}
	}
	if (r.n > 0)
		qsort(r.row, r.n, sizeof(*r.row), row_compare);
	dns_hosts_free(h);
	*h = (struct dns_hosts){ r.row, r.n, r.text };
	return 0;
}

void
dns_hosts_free(struct dns_hosts *h)
{
	free(h->row);
	free(h->text);
	*h = (struct dns_hosts){ 0 };
}

/* The first row of a name, or the end. */
static const struct dns_hosts_row *
first_of(const struct dns_hosts *h, const char *name)
{
	size_t	 low = 0, high = h->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(h->row[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return h->row + low;
}

int
dns_hosts_find(const struct dns_hosts *h, const char *name, enum dns_type type,
    struct dns_found *f)
{
	const struct dns_hosts_row	*row, *end = h->row + h->n;
	struct dns_record		*r;
	size_t				 n;
	char				*to;

	if (h->n == 0 || (type != DNS_A && type != DNS_AAAA && type != DNS_PTR))
		return 0;
	row = first_of(h, name);
	if (row == end || strcmp(row->name, name) != 0)
		return 0;
	dns_found_clear(f);
	strlcpy(f->canonical, name, sizeof(f->canonical));
	for (; row < end && strcmp(row->name, name) == 0 && f->n < DNS_RECORDS; row++) {
		if (row->type != type)
			continue;
		r = &f->record[f->n];
		if (type == DNS_A)
			r->a = row->a;
		else if (type == DNS_AAAA)
			r->aaaa = row->aaaa;
		else {
			n = strlen(row->host) + 1;
			if ((to = dns_found_room(f, n)) == NULL)
				break;
			r->name = memcpy(to, row->host, n);
		}
		f->n++;
	}
	f->status = f->n > 0 ? DNS_OK : DNS_NODATA;
	return 1;
}
