/* SPDX-License-Identifier: ISC */
/*
 * Lists and encoded texts of derived events.
 */
#include "lib/nitems.h"
#include "lib/report_list.h"

static const enum field	 lists[] = { RF_EVPID, RF_DECISION, RF_RECIPIENT,
    RF_RCPT_RESULT, RF_MARK, RF_FATE, RF_DELAY, RF_ATTEMPTS };

bool
report_is_list(enum event_id e, enum field f)
{
	size_t	 i;

	if (!report_is_derived(e))
		return false;
	for (i = 0; i < nitems(lists); i++)
		if (lists[i] == f)
			return true;
	return false;
}

int
report_item(struct slice *list, struct slice *item)
{
	const char	*comma;

	if (list->p == NULL)
		return 0;
	comma = list->n == 0 ? NULL : memchr(list->p, ',', list->n);
	if (comma == NULL) {
		*item = *list;
		*list = SLICE_NONE;
		return 1;
	}
	*item = slice_make(list->p, (size_t)(comma - list->p));
	*list = slice_make(comma + 1, list->n - item->n - 1);
	return 1;
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ?
	    c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
is_special(char c)
{
	return c == '|' || c == ',' || c == '%';
}

/* A "%" with which no code of the three begins stands for itself. */
struct slice
report_decode(struct slice s, char *buf, size_t size)
{
	size_t	 i, n = 0;
	int	 high, low;

	if (s.n == 0 || memchr(s.p, '%', s.n) == NULL)
		return s;
	for (i = 0; i < s.n && n < size; i++) {
		if (s.p[i] == '%' && s.n - i > 2 &&
		    (high = hex_digit(s.p[i + 1])) != -1 &&
		    (low = hex_digit(s.p[i + 2])) != -1 &&
		    is_special((char)(high * 16 + low))) {
			buf[n++] = (char)(high * 16 + low);
			i += 2;
		} else
			buf[n++] = s.p[i];
	}
	return slice_make(buf, n);
}

struct slice
report_encode(struct slice s, char *buf, size_t size)
{
	size_t	 i, n = 0;

	for (i = 0; i < s.n && !is_special(s.p[i]); i++)
		;
	if (i == s.n)
		return s;
	for (i = 0; i < s.n; i++) {
		if (size - n < (is_special(s.p[i]) ? 3 : 1))
			break;
		if (!is_special(s.p[i])) {
			buf[n++] = s.p[i];
			continue;
		}
		buf[n++] = '%';
		buf[n++] = "0123456789ABCDEF"[(unsigned char)s.p[i] >> 4];
		buf[n++] = "0123456789ABCDEF"[s.p[i] & 15];
	}
	return slice_make(buf, n);
}
