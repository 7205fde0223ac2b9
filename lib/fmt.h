/* SPDX-License-Identifier: ISC */
#ifndef LIB_FMT_H
#define LIB_FMT_H

/*
 * Formats of rptfmt(1): a record in, its text out.  A format is a row of the
 * table in fmt.c and a file fmt_*.c.
 */
#include "lib/outbuf.h"
#include "lib/report.h"
#include "lib/report_part.h"
#include "lib/report_time.h"

struct fmt_anon;
struct fmt;

/* Options that a format has a use for. */
#define FMT_FIELDS	0x01
#define FMT_ABSENT	0x02
#define FMT_TIMES	0x04
#define FMT_FOREIGN	0x08	/* no option: foreign lines pass through it */

struct fmt_row {
	char		 letter;	/* the option that chooses it; '\0': the default */
	bool		 argument;	/* the option has one: fmt.arg */
	unsigned	 takes;
	const char	*absent;	/* the text for what a line does not have */
	int		(*init)(struct fmt *);			/* NULL: nothing to do */
	void		(*begin)(struct fmt *, struct outbuf *);	/* NULL: no header */
	void		(*record)(struct fmt *, struct outbuf *, const struct report *);
	void		(*free)(struct fmt *);			/* NULL: state is one block */
};

enum fmt_times { FMT_AS_IS, FMT_STRFTIME, FMT_RELATIVE, FMT_INCREMENT };

struct fmt_clock {
	struct time_format	 format;	/* with -T */
	char			 text[48];	/* of the last difference shown */
	uint64_t		 first, previous, now;	/* of the lines; with -r and -i */
	bool			 started;
};

struct fmt {
	/* Set by the caller before fmt_init; strings are not copied. */
	const struct fmt_row	*row;		/* NULL: the default */
	const char		*arg;
	const char		*fields;	/* NULL: all */
	const char		*absent;	/* NULL: the format's own */
	const char		*time_format;	/* NULL: the format's own */
	enum fmt_times		 times;
	bool			 utc, colour;
	struct fmt_anon		*anon;		/* NULL: nothing is hidden */

	/* Of the formats. */
	void			*state;
	struct report_name	*names;
	size_t			 nnames;
	/* The prefix and the fields of each event, in the newest order, to RF_MAX. */
	uint8_t			 order[EV_MAX][RF_SESSION + REPORT_FIELDS + 1];
	size_t			 bound;		/* the values of this record have no more bytes */
	char			*scratch;	/* for two values: twice bound, and more */
	size_t			 scratch_size;
	char			*line;		/* for a line that no write buffer has room for */
	size_t			 line_size;
	struct fmt_clock	 clock;
	const struct report	*original;	/* the record before anything was hidden */
	uint64_t		 lacking;	/* records that the target dialect has no event for */
	uint64_t		 hidden;	/* foreign lines kept back, for they cannot be anonymised */
	char			 error[512];	/* why fmt_init failed */
};

/* The format of an option's letter, or NULL. */
const struct fmt_row *fmt_row(int letter);

/* 0, or -1 with the reason in error: a wrong option, or no memory. */
int	fmt_init(struct fmt *);
void	fmt_free(struct fmt *);
/* What stands above the records. */
void	fmt_begin(struct fmt *, struct outbuf *);
/* 0, or -1 with errno if there is no memory. */
int	fmt_record(struct fmt *, struct outbuf *, const struct report *);
/* A line of class REPORT_FOREIGN. */
void	fmt_foreign(struct fmt *, struct outbuf *, struct slice line);

/* -- counters of fmt_prom.c -- */

#define FMT_PROM_INTERVAL_MAX	86400	/* seconds */

struct fmt_prom;

/* NULL with errno.  interval: what stands behind the last colon of arg ("FILE[:SECONDS]"). */
struct fmt_prom *fmt_prom_new(const char *arg, unsigned *interval);
void	fmt_prom_free(struct fmt_prom *);
void	fmt_prom_record(struct fmt_prom *, const struct report *);
void	fmt_prom_other(struct fmt_prom *, enum report_class);
/* The name of the file. */
const char *fmt_prom_file(const struct fmt_prom *);
/*
 * Puts a new file in the place of the old: 0, or -1 with errno, EINVAL if the
 * old is no regular file.
 */
int	fmt_prom_write(const struct fmt_prom *);

#endif
