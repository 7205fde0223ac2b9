/* SPDX-License-Identifier: ISC */
/*
 * Addresses and CIDR networks of a table: one sorted array, asked once for each
 * prefix length that occurs.  IPv4 is kept as ::ffff:a.b.c.d.
 */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "smtpd/table_content.h"

#define NET_BITS	128

struct table_net {
	uint8_t		 addr[16];
	uint8_t		 bits;
};

struct table_nets {
	struct table_net *net;
	size_t		 n;
	bool		 bits[NET_BITS + 1];	/* prefix lengths that occur */
};

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static void
net_mask(struct table_net *net)
{
	unsigned	 i, keep;

	for (i = 0; i < sizeof(net->addr); i++) {
		keep = net->bits > i * 8 ? net->bits - i * 8 : 0;
		if (keep < 8)
			net->addr[i] &= (uint8_t)(0xff00 >> keep);
	}
}

/* "10.0.0.1", "[::1]", "ipv6:::1", each with or without "/bits". */
static int
net_parse(struct table_net *net, struct slice text)
{
	char		 buf[INET6_ADDRSTRLEN + sizeof("ipv6:[]/128")], *p = buf;
	char		*slash, *end;
	unsigned long	 bits;
	unsigned	 base = 0;

	if (text.n >= sizeof(buf) || memchr(text.p, '\0', text.n) != NULL)
		return -1;
	memcpy(buf, text.p, text.n);
	buf[text.n] = '\0';
	if ((slash = strchr(buf, '/')) != NULL)
		*slash++ = '\0';
	if (strncasecmp(p, "ipv6:", 5) == 0 && strchr(p + 5, ':') != NULL)
		p += 5;
	if (*p == '[' && p[strlen(p) - 1] == ']') {
		p[strlen(p) - 1] = '\0';
		p++;
	}
	if (inet_pton(AF_INET, p, net->addr + sizeof(mapped)) == 1) {
		memcpy(net->addr, mapped, sizeof(mapped));
		base = sizeof(mapped) * 8;
	} else if (inet_pton(AF_INET6, p, net->addr) != 1)
		return -1;
	bits = NET_BITS - base;
	if (slash != NULL) {
		if (*slash < '0' || *slash > '9')
			return -1;
		bits = strtoul(slash, &end, 10);
		if (*end != '\0' || bits > NET_BITS - base)
			return -1;
	}
	net->bits = (uint8_t)(bits + base);
	net_mask(net);
	return 0;
}

static int
net_compare(const void *va, const void *vb)
{
	const struct table_net	*a = va, *b = vb;

	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return memcmp(a->addr, b->addr, sizeof(a->addr));
}

static struct table_nets *
nets_build(const struct table_content *c)
{
	struct table_nets	*nets;
	size_t			 i;

	if ((nets = calloc(1, sizeof(*nets))) == NULL)
		return NULL;
	if ((nets->net = calloc(c->n + 1, sizeof(*nets->net))) == NULL) {
		free(nets);
		return NULL;
	}
	for (i = 0; i < c->n; i++)
		if (net_parse(&nets->net[nets->n], table_item(&c->entries[i])) == 0)
			nets->bits[nets->net[nets->n++].bits] = true;
	qsort(nets->net, nets->n, sizeof(*nets->net), net_compare);
	return nets;
}

bool
table_net_valid(struct slice text)
{
	struct table_net	 net;

	return net_parse(&net, text) == 0;
}

enum table_answer
table_net_match(struct table_content *c, struct slice address)
{
	struct table_net	 net, wanted;
	unsigned		 bits;

	if (memchr(address.p, '/', address.n) != NULL || net_parse(&net, address) == -1)
		return TABLE_NO;
	if (c->nets == NULL && (c->nets = nets_build(c)) == NULL)
		return TABLE_ERROR;
	for (bits = 0; bits <= NET_BITS; bits++) {
		if (!c->nets->bits[bits])
			continue;
		wanted = net;
		wanted.bits = (uint8_t)bits;
		net_mask(&wanted);
		if (bsearch(&wanted, c->nets->net, c->nets->n, sizeof(wanted), net_compare) != NULL)
			return TABLE_YES;
	}
	return TABLE_NO;
}

void
table_nets_free(struct table_nets *nets)
{
	if (nets == NULL)
		return;
	free(nets->net);
	free(nets);
}
