/* SPDX-License-Identifier: ISC */
/*
 * Answers of the DNS: the first byte is the type that was asked, the rest the
 * message; the name that was asked is the one in it, so that more is read.
 * What is handed out lies where it should and is what the header promises.
 */
/* objects: lib/dns_parse.o lib/dns_set.o lib/dns_name.o */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns_parse.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct dns_found	 found;

static void
must(int true)
{
	if (!true)
		abort();
}

static void
host(const char *name, const char *from, const char *to)
{
	must(name >= from && name < to);
	must(memchr(name, '\0', to - name) != NULL);
	must(dns_name_is_host(name));
}

static void
records(const struct dns_set *set, enum dns_type type)
{
	const char	*from = (const char *)&set->record[set->n], *to = (const char *)set + set->size;
	size_t		 i;

	for (i = 0; i < set->n; i++)
		if (type == DNS_PTR)
			host(set->record[i].name, from, to);
		else if (type == DNS_MX && *set->record[i].mx.name != '\0')
			host(set->record[i].mx.name, from, to);
		else if (type == DNS_TXT)
			must(set->record[i].text.p >= from &&
			    set->record[i].text.p + set->record[i].text.n <= to);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum dns_type	 type;
	struct dns_set	*set;
	uint8_t		 wire[DNS_WIRE_MAX], again[DNS_WIRE_MAX];
	char		 name[DNS_NAME_MAX + 1] = "www.example";
	size_t		 len, at;

	if (size == 0 || size > 65536)
		return 0;
	type = (enum dns_type)(data[0] % (DNS_TXT + 1));
	data++;
	size--;
	if (size > 12 && (at = dns_name_read(data, size, 12, wire, &len)) != 0) {
		must(at <= size && len <= DNS_WIRE_MAX);
		must(dns_name_skip(data, size, 12) == at);
		if (dns_name_text(wire, name) && *name != '\0')
			must(dns_name_wire(name, again) == len && memcmp(wire, again, len) == 0);
	}
	dns_parse(&found, data, size, name, type);
	must(found.n <= DNS_RECORDS && found.used <= sizeof(found.text));
	must((found.status == DNS_OK) == (found.n > 0));
	must((found.status == DNS_TEMPFAIL) == (found.error != NULL));
	if ((set = dns_set_make(&found, type)) != NULL)
		records(set, type);
	dns_set_unref(set);
	return 0;
}
