/* SPDX-License-Identifier: ISC */
#ifndef LIB_FMT_INT_H
#define LIB_FMT_INT_H

/*
 * What the formats share: values, times, and texts made safe.
 */
#include "lib/fmt.h"

/*
 * Room for the line of a record whose values have n bytes in all, whatever they
 * are and however each byte is escaped.
 */
#define FMT_ROOM(n)	((n) * 6 + 8192)

/* Allocates state: 0, or -1 with the reason in error. */
int	fmt_state(struct fmt *, size_t);
/* Sets error to the printf text: -1. */
int	fmt_fail(struct fmt *, const char *, ...)
	    __attribute__((__format__(__printf__, 2, 3)));
/*
 * Has it this value?  Times are as asked for, derived values decoded; items
 * are joined by ',' and encoded only if there are several.  Valid until the
 * next call.
 */
bool	fmt_value(struct fmt *, const struct report *, struct report_name,
	    struct slice *);
/* A list of names into f->names; NULL: all fields.  As fmt_init. */
int	fmt_names(struct fmt *, const char *list);
/* One name: as fmt_init. */
int	fmt_name(struct fmt *, struct slice, struct report_name *);

/* -- eight bytes at a time -- */

#define FMT_ONES	0x0101010101010101U
#define FMT_HIGH	0x8080808080808080U

static inline uint64_t
fmt_load8(const char *p)
{
	uint64_t	 w;

	memcpy(&w, p, 8);
	return w;
}

/* High bits where a byte of w is c; others perhaps above it, and where w has one. */
static inline uint64_t
fmt_bytes_of(uint64_t w, char c)
{
	return (w ^ FMT_ONES * (unsigned char)c) - FMT_ONES;
}

/* The same where a byte is a control character or none of ASCII. */
static inline uint64_t
fmt_bytes_unsafe(uint64_t w)
{
	return (w - FMT_ONES * 0x20) | fmt_bytes_of(w, 0x7f) | w;
}

/* -- names that are put together once -- */

#define FMT_KEY_MAX	24

struct fmt_key {
	uint8_t	 n;
	char	 text[FMT_KEY_MAX + 1];
};

/* A copy of constant length from key on, of which n bytes count: no call, no loop. */
static inline void
fmt_put_key(struct outbuf *out, const char *key, size_t n)
{
	if (OUTBUF_SIZE - out->n <= FMT_KEY_MAX) {
		outbuf_put(out, key, n);
		return;
	}
	memcpy(out->buf + out->n, key, FMT_KEY_MAX);
	out->n += n;
}

/* -- fmt_time.c -- */

int	fmt_clock_init(struct fmt *);
/* The record to come: what -r and -i count from. */
void	fmt_clock_line(struct fmt *, const struct report *);
/* A time as asked for, valid until the next call; number: it is a number still. */
struct slice fmt_time(struct fmt *, enum field, struct slice, bool *number);

/* -- fmt_text.c -- */

/*
 * Text as it is where it is UTF-8 without control characters; other bytes as
 * \ooo: what a peer sent shall not drive a terminal.
 */
void	fmt_put_text(struct outbuf *, struct slice);
/* The same between double quotes, and `"` and `\` with a backslash before them. */
void	fmt_put_quoted(struct outbuf *, struct slice);
void	fmt_put_str(struct outbuf *, const char *);
/* How many characters fmt_put_text writes. */
size_t	fmt_text_width(struct slice);
/* Characters of UTF-8 that no terminal shows. */
bool	fmt_is_control(const char *, size_t);

/* -- formats -- */

int	fmt_human_init(struct fmt *);
void	fmt_human_record(struct fmt *, struct outbuf *, const struct report *);
int	fmt_json_init(struct fmt *);
void	fmt_json_record(struct fmt *, struct outbuf *, const struct report *);
int	fmt_logfmt_init(struct fmt *);
void	fmt_logfmt_record(struct fmt *, struct outbuf *, const struct report *);
int	fmt_columns_init(struct fmt *);
void	fmt_csv_begin(struct fmt *, struct outbuf *);
void	fmt_csv_record(struct fmt *, struct outbuf *, const struct report *);
void	fmt_tsv_begin(struct fmt *, struct outbuf *);
void	fmt_tsv_record(struct fmt *, struct outbuf *, const struct report *);
int	fmt_vertical_init(struct fmt *);
void	fmt_vertical_record(struct fmt *, struct outbuf *, const struct report *);
int	fmt_template_init(struct fmt *);
void	fmt_template_record(struct fmt *, struct outbuf *, const struct report *);
void	fmt_template_free(struct fmt *);
int	fmt_dialect_init(struct fmt *);
void	fmt_dialect_record(struct fmt *, struct outbuf *, const struct report *);

#endif
