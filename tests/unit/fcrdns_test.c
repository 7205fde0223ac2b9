/* SPDX-License-Identifier: ISC */
/*
 * The verdicts of iprev on addresses of every kind, by the scripted server.
 */
/* objects: lib/fcrdns.o lib/dns.o lib/dns_cache.o lib/dns_channel.o lib/dns_conf.o lib/dns_flight.o lib/dns_hosts.o lib/dns_name.o lib/dns_parse.o lib/dns_set.o */
#include "tests/unit/dns_world.h"

#include "lib/fcrdns.h"
#include "lib/nitems.h"

static const char	 zone[] =
    "example.org SOA 300 60\n"
    "2.0.192.in-addr.arpa SOA 300 70\n"
    "2001:db8::99 PTR 60 none.example.org\n"
    "192.0.2.1 PTR 60 WWW.Example.org\n"
    "www.example.org A 30 192.0.2.1\n"
    "2001:db8::1 PTR 60 www.example.org\n"
    "www.example.org AAAA 90 2001:db8::1\n"
    "192.0.2.2 PTR 60 www.example.org\n"		/* another address */
    "192.0.2.3 PTR 60 none.example.org\n"
    "192.0.2.4 ! silent\n"
    "192.0.2.5 PTR 60 failing.example.org\n"
    "failing.example.org ! servfail\n"
    "192.0.2.6 PTR 60 none.example.org\n"
    "192.0.2.6 PTR 60 slow.example.org\n"
    "192.0.2.6 PTR 60 fast.example.org\n"
    "slow.example.org ! slow 200\n"
    "slow.example.org A 60 192.0.2.6\n"
    "fast.example.org A 60 192.0.2.6\n"
    "192.0.2.7 PTR 60 failing.example.org\n"
    "192.0.2.7 PTR 60 seven.example.org\n"
    "seven.example.org A 60 192.0.2.7\n"
    "192.0.2.8 PTR 60 none.example.org\n"
    "192.0.2.8 PTR 60 silent.example.org\n"
    "silent.example.org ! silent\n"
    "192.0.2.9 PTR 60 bad|name.example.org\n"
    "192.0.2.10 ! silent\n"
    "192.0.2.11 PTR 60 silent.example.org\n"
    "192.0.2.11 PTR 60 eleven.example.org\n"
    "eleven.example.org A 60 192.0.2.11\n"
    "192.0.2.12 PTR 60 alias.example.org\n"
    "alias.example.org CNAME 20 twelve.example.org\n"
    "twelve.example.org A 60 192.0.2.12\n"
    "192.0.2.13 PTR 60 mapped.example.org\n"
    "mapped.example.org AAAA 60 ::ffff:192.0.2.13\n"
    "192.0.2.14 PTR 60 twice.example.org\n"
    "192.0.2.14 PTR 60 TWICE.example.org\n"
    "192.0.2.21 PTR 60 a.n.example.org\n192.0.2.21 PTR 60 b.n.example.org\n"
    "192.0.2.21 PTR 60 c.n.example.org\n192.0.2.21 PTR 60 d.n.example.org\n"
    "192.0.2.21 PTR 60 e.n.example.org\n192.0.2.21 PTR 60 f.n.example.org\n"
    "192.0.2.21 PTR 60 g.n.example.org\n192.0.2.21 PTR 60 h.n.example.org\n"
    "192.0.2.21 PTR 60 i.n.example.org\n192.0.2.21 PTR 60 j.n.example.org\n"
    "192.0.2.21 PTR 60 k.n.example.org\n"
    "192.0.2.22 PTR 60 a.n.example.org\n192.0.2.22 PTR 60 b.n.example.org\n"
    "192.0.2.22 PTR 60 c.n.example.org\n192.0.2.22 PTR 60 d.n.example.org\n"
    "192.0.2.22 PTR 60 e.n.example.org\n192.0.2.22 PTR 60 f.n.example.org\n"
    "192.0.2.22 PTR 60 g.n.example.org\n192.0.2.22 PTR 60 h.n.example.org\n"
    "192.0.2.22 PTR 60 i.n.example.org\n192.0.2.22 PTR 60 k.n.example.org\n"
    "k.n.example.org A 60 192.0.2.21\n"
    "k.n.example.org A 60 192.0.2.22\n";

static struct responder	 server;
static struct event_base *base;

struct verdict {
	int		 called, steps;
	uint32_t	 ttl;
	char		 text[512];
};

static int
setup(void **state)
{
	(void)state;
	responder_start(&server, zone);
	assert_non_null(base = event_base_new());
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	event_base_free(base);
	responder_stop(&server);
	return 0;
}

static struct dns *
resolver(void)
{
	struct dns_options	 o = { .timeout = 500, .tries = 1 };
	struct dns		*d = dns_new(base, &o);
	const char		*why;

	assert_non_null(d);
	assert_int_equal(dns_resolvers(d, server.list, &why), 0);
	return d;
}

static void
verdict_cb(const struct fcrdns_result *r, void *arg)
{
	struct verdict	*v = arg;

	v->called++;
	v->ttl = r->ttl;
	snprintf(v->text, sizeof(v->text), "%s %s%s%s", iprev_names[r->verdict], r->name,
	    r->error == NULL ? "" : ": ", r->error == NULL ? "" : r->error);
	event_base_loopbreak(base);
}

static void
step_cb(const struct fcrdns_step *s, void *arg)
{
	struct verdict	*v = arg;

	assert_true(s->type == DNS_PTR || s->type == DNS_A || s->type == DNS_AAAA);
	assert_non_null(strstr(s->name, s->type == DNS_PTR ? ".arpa" : "example.org"));
	assert_int_equal(v->called, 0);
	v->steps++;
}

static void
address(const char *text, struct sockaddr_storage *ss)
{
	struct sockaddr_in	*in = (struct sockaddr_in *)ss;
	struct sockaddr_in6	*in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
	assert_int_equal(ss->ss_family == AF_INET ? inet_pton(AF_INET, text, &in->sin_addr) :
	    inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
}

static struct verdict
judged(struct dns *d, const char *text, int deadline)
{
	struct sockaddr_storage	 ss;
	struct verdict		 v = { 0 };

	address(text, &ss);
	assert_non_null(fcrdns_ask(d, (struct sockaddr *)&ss, deadline, step_cb, verdict_cb, &v));
	assert_int_equal(v.called, 0);
	loop_until(base, &v.called, 1);
	return v;
}

static const struct {
	const char	*address;
	int		 deadline;
	const char	*text;
	uint32_t	 ttl;
	int		 steps;
} verdicts[] = {
	{ "192.0.2.1", 0, "pass www.example.org", 30, 2 },
	{ "::ffff:192.0.2.1", 0, "pass www.example.org", 30, 2 },
	{ "2001:db8::1", 0, "pass www.example.org", 60, 2 },
	{ "192.0.2.2", 0, "fail www.example.org", 30, 2 },
	{ "192.0.2.3", 0, "fail none.example.org", 60, 2 },
	{ "2001:db8::99", 0, "fail none.example.org", 60, 2 },
	{ "192.0.2.4", 0, "temperror : no answer in time", 0, 1 },
	{ "192.0.2.5", 0, "temperror failing.example.org: server failure", 0, 2 },
	/* The first in the order of the PTR records, not the fastest. */
	{ "192.0.2.6", 0, "pass slow.example.org", 60, 4 },
	{ "192.0.2.7", 0, "pass seven.example.org", 60, 3 },
	{ "192.0.2.8", 0, "temperror none.example.org: no answer in time", 0, 3 },
	{ "192.0.2.9", 0, "permerror ", 60, 1 },
	{ "192.0.2.10", 60, "temperror : no answer in time", 0, 0 },
	/* The time is over, but one has passed. */
	{ "192.0.2.11", 300, "pass eleven.example.org", 60, 2 },
	{ "192.0.2.12", 0, "pass alias.example.org", 20, 2 },
	{ "192.0.2.13", 0, "fail mapped.example.org", 60, 2 },
	{ "192.0.2.14", 0, "fail twice.example.org", 60, 2 },
	/* The eleventh name is not asked. */
	{ "192.0.2.21", 0, "fail a.n.example.org", 60, 11 },
	{ "192.0.2.22", 0, "pass k.n.example.org", 60, 11 },
	{ "192.0.2.200", 0, "permerror ", 70, 1 },
	{ "2001:db8::200", 0, "permerror ", 0, 1 },
};

static void
test_verdicts(void **state)
{
	struct dns	*d;
	struct verdict	 v;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(verdicts); i++) {
		d = resolver();
		v = judged(d, verdicts[i].address, verdicts[i].deadline);
		if (strcmp(v.text, verdicts[i].text) != 0 || v.ttl != verdicts[i].ttl ||
		    v.steps != verdicts[i].steps)
			fail_msg("%s: %s, ttl %u, steps %d", verdicts[i].address, v.text, v.ttl,
			    v.steps);
		dns_free(d);
	}
}

/* The same addresses again: all from the cache, the same verdicts. */
static void
test_again(void **state)
{
	struct dns	*d = resolver();
	struct dns_stat	 s;
	struct verdict	 v;

	(void)state;
	judged(d, "192.0.2.1", 0);
	judged(d, "192.0.2.2", 0);
	v = judged(d, "192.0.2.1", 0);
	assert_string_equal(v.text, "pass www.example.org");
	assert_in_range(v.ttl, 28, 30);
	dns_stat(d, &s);
	assert_int_equal(s.sent, 3);
	dns_free(d);
}

/* Many at once, some of them cancelled at each step of theirs. */
static void
test_many(void **state)
{
	static struct verdict	 v[300];
	struct fcrdns_query	*f[300];
	struct sockaddr_storage	 ss;
	struct dns		*d = resolver();
	int			 i, left;

	(void)state;
	memset(v, 0, sizeof(v));
	for (i = 0; i < 300; i++) {
		address(verdicts[i % nitems(verdicts)].address, &ss);
		f[i] = fcrdns_ask(d, (struct sockaddr *)&ss, 5000, NULL, verdict_cb, &v[i]);
		assert_non_null(f[i]);
	}
	for (i = 0; i < 300; i += 3) {
		if (i % 30 == 0)
			event_base_loop(base, EVLOOP_ONCE);
		if (v[i].called == 0) {
			fcrdns_cancel(f[i]);
			v[i].called = -1;
		}
	}
	for (left = 1; left > 0; ) {
		event_base_loop(base, EVLOOP_ONCE);
		for (i = left = 0; i < 300; i++)
			left += v[i].called == 0;
	}
	for (i = 0; i < 300; i++)
		/* The deadlines of the table are its own. */
		if (v[i].called == 1 && verdicts[i % nitems(verdicts)].deadline == 0)
			assert_string_equal(v[i].text, verdicts[i % nitems(verdicts)].text);
	dns_free(d);
}

static void
test_hosts(void **state)
{
	struct dns		*d = resolver();
	struct sockaddr_storage	 ss;

	(void)state;
	assert_int_equal(dns_hosts(d, SLICE("127.0.0.1 localhost\n::1 localhost\n"
	    "192.0.2.4 Local.example.org local\n")), 0);
	assert_string_equal(judged(d, "192.0.2.4", 0).text, "pass local.example.org");
	memset(&ss, 0, sizeof(ss));
	ss.ss_family = AF_UNIX;
	assert_null(fcrdns_ask(d, (struct sockaddr *)&ss, 0, NULL, verdict_cb, NULL));
	dns_free(d);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
