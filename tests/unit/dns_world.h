/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_DNS_WORLD_H
#define TESTS_UNIT_DNS_WORLD_H

/*
 * The scripted server tests/dns/responder, and questions to it whose answers
 * are texts: "ok 192.0.2.1 192.0.2.2", "nxdomain", "tempfail: why".
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/dns.h"

struct responder {
	pid_t	 pid;
	int	 stdin_fd;		/* it ends when this is closed */
	char	 zone[64], log[64];
	char	 list[64];		/* "127.0.0.1:PORT" */
};

static void
file_write(const char *path, const char *text)
{
	FILE	*f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void
responder_start(struct responder *r, const char *zone)
{
	char	 port[16] = "";
	int	 in[2], out[2], fd;
	FILE	*f;

	strcpy(r->zone, "/tmp/dns_zone.XXXXXX");
	strcpy(r->log, "/tmp/dns_log.XXXXXX");
	assert_int_not_equal(fd = mkstemp(r->zone), -1);
	close(fd);
	assert_int_not_equal(fd = mkstemp(r->log), -1);
	close(fd);
	file_write(r->zone, zone);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_not_equal(r->pid = fork(), -1);
	if (r->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execlp("python3", "python3", "tests/dns/responder", "-w", "-l", r->log,
		    r->zone, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	r->stdin_fd = in[1];
	assert_non_null(f = fdopen(out[0], "r"));
	assert_non_null(fgets(port, sizeof(port), f));
	fclose(f);
	snprintf(r->list, sizeof(r->list), "127.0.0.1:%d", atoi(port));
}

static void
responder_stop(struct responder *r)
{
	int	 status;

	close(r->stdin_fd);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	assert_int_equal(status, 0);
	unlink(r->zone);
	unlink(r->log);
}

/* How often a line is in the log of its questions. */
static inline int
responder_asked(const struct responder *r, const char *line)
{
	FILE	*f = fopen(r->log, "r");
	char	 buf[512];
	int	 n = 0;

	assert_non_null(f);
	while (fgets(buf, sizeof(buf), f) != NULL) {
		buf[strcspn(buf, "\n")] = '\0';
		n += strcmp(buf, line) == 0;
	}
	fclose(f);
	return n;
}

/* An answer, as it came. */
struct got {
	struct event_base	*base;
	enum dns_type		 type;
	int			 called, cached;
	uint32_t		 ttl;
	size_t			 n;
	char			 canonical[DNS_NAME_MAX + 1];
	char			 text[4096];
};

static void
got_record(struct got *g, const struct dns_record *r)
{
	char	 buf[1024];

	switch (g->type) {
	case DNS_A:
		inet_ntop(AF_INET, &r->a, buf, sizeof(buf));
		break;
	case DNS_AAAA:
		inet_ntop(AF_INET6, &r->aaaa, buf, sizeof(buf));
		break;
	case DNS_PTR:
		snprintf(buf, sizeof(buf), "%s", r->name);
		break;
	case DNS_MX:
		snprintf(buf, sizeof(buf), "%u:%s", r->mx.preference, r->mx.name);
		break;
	case DNS_TXT:
		snprintf(buf, sizeof(buf), "%.*s", (int)r->text.n, r->text.p);
		break;
	}
	strncat(g->text, " ", sizeof(g->text) - strlen(g->text) - 1);
	strncat(g->text, buf, sizeof(g->text) - strlen(g->text) - 1);
}

static inline void
got_cb(const struct dns_answer *a, void *arg)
{
	static const char *const	 words[] = { [DNS_OK] = "ok", [DNS_NODATA] = "nodata",
	    [DNS_NXDOMAIN] = "nxdomain", [DNS_TEMPFAIL] = "tempfail", [DNS_BADNAME] = "badname" };
	struct got	*g = arg;
	size_t		 i;

	g->called++;
	g->ttl = a->ttl;
	g->cached = a->cached;
	g->n = a->n;
	snprintf(g->canonical, sizeof(g->canonical), "%s", a->canonical);
	snprintf(g->text, sizeof(g->text), "%s%s%s", words[a->status], a->error == NULL ? "" : ": ",
	    a->error == NULL ? "" : a->error);
	for (i = 0; i < a->n; i++)
		got_record(g, &a->record[i]);
	event_base_loopbreak(g->base);
}

static inline int
elapsed_ms(const struct timespec *since)
{
	struct timespec	 now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)((now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000);
}

/* Runs the loop until *what is at least n; fails after 20 s. */
static void
loop_until(struct event_base *base, const int *what, int n)
{
	struct timeval	 tv = { 0, 20000 };
	struct timespec	 start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (*what < n && elapsed_ms(&start) < 20000) {
		event_base_loopexit(base, &tv);
		event_base_loop(base, EVLOOP_ONCE);
	}
	assert_int_equal(*what, n);
}

static inline void
loop_for(struct event_base *base, int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };
	struct timespec	 start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (elapsed_ms(&start) < ms) {
		event_base_loopexit(base, &tv);
		event_base_dispatch(base);
	}
}

static inline struct got
ask(struct event_base *base, struct dns *d, const char *name, enum dns_type type, int deadline)
{
	struct got	 g = { .base = base, .type = type };

	assert_non_null(dns_ask(d, name, type, deadline, got_cb, &g));
	assert_int_equal(g.called, 0);
	loop_until(base, &g.called, 1);
	return g;
}

#endif
