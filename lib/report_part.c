/* SPDX-License-Identifier: ISC */
/*
 * Fields and their parts by name.
 */
#include "lib/addr.h"
#include "lib/report_part.h"

const struct report_part report_parts[PART_MAX] = {
	[PART_IP]	= { "ip",	RT_ADDRESS },
	[PART_PORT]	= { "port",	RT_ADDRESS },
	[PART_USER]	= { "user",	RT_MAIL },
	[PART_DOMAIN]	= { "domain",	RT_MAIL },
	[PART_VERSION]	= { "version",	RT_TLS },
	[PART_CIPHER]	= { "cipher",	RT_TLS },
	[PART_BITS]	= { "bits",	RT_TLS },
};

int
report_name_parse(struct slice s, struct report_name *name)
{
	const char	*dot = s.n == 0 ? NULL : memchr(s.p, '.', s.n);
	struct slice	 field = s, suffix = SLICE_NONE;
	enum part	 part;

	if (dot != NULL) {
		field.n = (size_t)(dot - s.p);
		suffix = slice_make(dot + 1, s.n - field.n - 1);
	}
	name->field = report_field_by_name(field);
	name->part = PART_WHOLE;
	if (name->field == RF_MAX)
		return -1;
	if (dot == NULL)
		return 0;
	for (part = PART_WHOLE + 1; part < PART_MAX; part++)
		if (report_parts[part].type == report_fields[name->field].type &&
		    slice_eq(suffix, slice_str(report_parts[part].name))) {
			name->part = part;
			return 0;
		}
	return -1;
}

/* Only addresses of the net have these parts, not sockets and not ":0". */
static bool
address_part(struct slice text, enum part part, struct slice *value)
{
	struct slice	 host, port;

	addr_split(text, &host, &port);
	if (host.n == 0 || slice_eq(host, SLICE("local")) ||
	    (part == PART_PORT && port.n == 0))
		return false;
	*value = part == PART_IP ? host : port;
	return true;
}

/* "@relay:user@domain" is user at domain; the domain follows the last "@". */
static bool
mail_part(struct slice text, enum part part, struct slice *value)
{
	const char	*at, *colon;
	size_t		 n;

	if (text.n > 0 && text.p[0] == '@' &&
	    (colon = memchr(text.p, ':', text.n)) != NULL) {
		n = (size_t)(colon - text.p) + 1;
		text = slice_make(text.p + n, text.n - n);
	}
	/* Derived events write the null sender so. */
	if (text.n == 0 || slice_eq(text, SLICE("<>")))
		return false;
	at = memrchr(text.p, '@', text.n);
	n = at == NULL ? text.n : (size_t)(at - text.p);
	if (part == PART_USER) {
		*value = slice_make(text.p, n);
		return true;
	}
	if (at == NULL)
		return false;
	*value = slice_make(at + 1, text.n - n - 1);
	return true;
}

/* "TLSv1.3:CIPHER:256", or until 2018-12-20 "version=..., cipher=..., bits=...". */
static bool
tls_part(struct slice text, enum part part, struct slice *value)
{
	static const struct slice	 old = { "version=", 8 };
	const char			*p = text.p, *end = text.p + text.n, *stop;
	const char			*between = ":";
	enum part			 i;
	size_t				 n;

	if (text.n >= old.n && memcmp(p, old.p, old.n) == 0)
		between = ", ";
	for (i = PART_VERSION;; i++) {
		stop = memmem(p, (size_t)(end - p), between, strlen(between));
		n = (size_t)((stop == NULL || i == PART_BITS ? end : stop) - p);
		if (i == part)
			break;
		if (stop == NULL)
			return false;
		p = stop + strlen(between);
	}
	*value = slice_make(p, n);
	if (*between == ',' && (stop = memchr(p, '=', n)) != NULL)
		*value = slice_make(stop + 1, n - (size_t)(stop + 1 - p));
	return true;
}

bool
report_text_part(struct slice whole, struct report_name name, struct slice *value)
{
	if (name.part == PART_WHOLE) {
		*value = whole;
		return true;
	}
	switch (report_parts[name.part].type) {
	case RT_ADDRESS:
		return address_part(whole, name.part, value);
	case RT_MAIL:
		return mail_part(whole, name.part, value);
	default:
		return tls_part(whole, name.part, value);
	}
}

bool
report_value(const struct report *r, struct report_name name, struct slice *value)
{
	return report_has(r, name.field) &&
	    report_text_part(r->field[name.field], name, value);
}
