# SPDX-License-Identifier: ISC
# pipepost: POSIX make (with != of POSIX.1-2024), one file, no recursion.
# A new file is one word in a list below; a tool is one word in TOOLS.
.POSIX:
.SUFFIXES: .c .o

PREFIX =	/usr/local
BINDIR =	$(PREFIX)/bin
SBINDIR =	$(PREFIX)/sbin
MANDIR =	$(PREFIX)/share/man
LIBEXECDIR =	$(PREFIX)/libexec/smtpd
EXAMPLEDIR =	$(PREFIX)/share/examples/pipepost
BRIDGEDIR =	$(PREFIX)/share/pipepost
SYSCONFDIR =	/etc
SPOOLDIR =	/var/spool/smtpd
CONTROLSOCK =	/var/run/smtpd.sock
EMPTYDIR =	/var/empty
DESTDIR =

# What the builder may choose.  WERROR=-Werror is for CI.
CC =		cc
CFLAGS =	-O2 -g
LDFLAGS =
WERROR =
FUZZ_CC =	clang
FUZZ_SECONDS =	600
KILLS =		500
SECONDS =	600
SEED =

LIB_CFLAGS !=	pkg-config --cflags libbsd-overlay libevent libtls libcrypto \
		    libidn2 libcares libpcre2-8 2>/dev/null || :
BSD_LIBS !=	pkg-config --libs libbsd-overlay 2>/dev/null || echo -lbsd
SMTPD_LIBS !=	pkg-config --libs libevent libtls libcrypto libidn2 libcrypt 2>/dev/null || \
		    echo -levent -ltls -lcrypto -lidn2 -lcrypt
CRYPT_LIBS !=	pkg-config --libs libcrypt 2>/dev/null || echo -lcrypt
DNS_LIBS !=	pkg-config --libs libevent libcares 2>/dev/null || echo -levent -lcares
TLS_LIBS !=	pkg-config --libs libtls 2>/dev/null || echo -ltls
PCRE_LIBS !=	pkg-config --libs libpcre2-8 2>/dev/null || echo -lpcre2-8
# Where the python3 that a proc finds looks for packages under PREFIX; if nowhere,
# the package lies beside the other bridges.
PYTHONDIR !=	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		    python3 -c 'import site, sys; print([d for d in [*site.getsitepackages(), \
		    sys.argv[2]] if d.startswith((sys.argv[1] + "/lib/", sys.argv[2]))][0])' \
		    "$(PREFIX)" "$(BRIDGEDIR)" 2>/dev/null || echo "$(BRIDGEDIR)"
CMOCKA_LIBS !=	pkg-config --libs cmocka 2>/dev/null || echo -lcmocka

CPP_ALL =	-I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
		-DSYSCONFDIR='"$(SYSCONFDIR)"' -DSPOOLDIR='"$(SPOOLDIR)"' \
		-DCONTROLSOCK='"$(CONTROLSOCK)"' -DLIBEXECDIR='"$(LIBEXECDIR)"' \
		-DSBINDIR='"$(SBINDIR)"' -DEMPTYDIR='"$(EMPTYDIR)"' \
		-DBRIDGEDIR='"$(BRIDGEDIR)"' \
		$(LIB_CFLAGS)
CC_ALL =	-std=c11 -Wall -Wextra -Wshadow -Wmissing-prototypes \
		-fPIE -MMD -MP $(CPP_ALL)
HARDEN =	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
LD_ALL =	-pie -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
ASAN =		-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
		-fno-sanitize-recover=all

# -- what there is --------------------------------------------------------

LIB_OBJS =	lib/addr.o lib/base64.o lib/cond.o lib/cond_lex.o lib/cond_need.o \
		lib/cond_parse.o lib/cond_regex.o lib/cond_scan.o \
		lib/cond_set.o lib/cond_time.o lib/cond_value.o \
		lib/drive.o lib/drive_ask.o lib/drive_command.o \
		lib/drive_compare.o lib/drive_content.o lib/drive_derive.o \
		lib/drive_filter.o lib/drive_note.o lib/drive_play.o \
		lib/drive_report.o lib/drive_session.o \
		lib/filter_parse.o lib/filter_table.o lib/filter_write.o lib/fmt.o \
		lib/fmt_anon.o lib/fmt_columns.o lib/fmt_dialect.o \
		lib/fmt_hash.o lib/fmt_human.o lib/fmt_json.o \
		lib/fmt_logfmt.o lib/fmt_prom.o lib/fmt_prom_stats.o \
		lib/fmt_template.o \
		lib/fmt_text.o lib/fmt_time.o lib/fmt_vertical.o \
		lib/hold.o lib/input.o lib/join.o lib/join_msg.o \
		lib/join_parse.o lib/join_queue.o lib/join_text.o lib/join_tx.o \
		lib/join_write.o lib/linebuf.o lib/nearest.o lib/ordered.o \
		lib/outbuf.o lib/replay_body.o lib/replay_dialog.o \
		lib/replay_diff.o lib/replay_tape.o lib/replay_text.o lib/report_list.o lib/report_name.o lib/report_parse.o \
		lib/report_part.o lib/report_queue.o lib/report_quick.o \
		lib/report_table.o lib/report_time.o lib/report_write.o \
		lib/sasl.o \
		lib/smtp_data.o lib/smtp_date.o lib/smtp_ext.o lib/smtp_header.o \
		lib/smtp_path.o lib/smtp_xtext.o \
		lib/u64map.o lib/utf8.o

# Of lib, but not linked by everyone: they need libevent and c-ares.
DNS_OBJS =	lib/dns.o lib/dns_cache.o lib/dns_channel.o lib/dns_conf.o \
		lib/dns_flight.o lib/dns_hosts.o lib/dns_name.o \
		lib/dns_parse.o lib/dns_set.o lib/fcrdns.o lib/fcrdns_show.o

# Likewise: it needs libtls.
TLS_OBJS =	lib/replay_conn.o

# The daemon; smtpctl and sendmail are programs of their own.
SMTPD_OBJS =	smtpd/auth.o smtpd/condition.o smtpd/conf.o smtpd/conf_action.o smtpd/conf_error.o \
		smtpd/conf_free.o smtpd/conf_lex.o smtpd/conf_listen.o \
		smtpd/conf_filter.o \
		smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_old.o \
		smtpd/conf_pki.o smtpd/conf_proc.o smtpd/conf_relay.o \
		smtpd/conf_resolve.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_table.o \
		smtpd/conf_url.o smtpd/conf_value.o smtpd/deliver.o \
		smtpd/deliver_env.o smtpd/deliver_job.o \
		smtpd/deliver_maildir.o smtpd/deliver_mda.o smtpd/dns.o \
		smtpd/dns_host.o smtpd/dns_idn.o smtpd/dns_mx.o smtpd/dsn.o \
		smtpd/format.o smtpd/format_command.o smtpd/io.o smtpd/io_tell.o \
		smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/log.o smtpd/lookup.o \
		smtpd/lookup_expand.o smtpd/lookup_hash.o smtpd/lookup_include.o \
		smtpd/lookup_local.o smtpd/lookup_match.o \
		smtpd/lookup_nodes.o smtpd/lookup_query.o \
		smtpd/lookup_relay.o smtpd/lookup_update.o smtpd/lookup_user.o \
		smtpd/lookup_value.o smtpd/loop.o smtpd/offline.o \
		smtpd/parent.o smtpd/parent_ca.o smtpd/parent_child.o \
		smtpd/parent_file.o smtpd/parent_keys.o \
		smtpd/parent_listen.o smtpd/parent_offline.o \
		smtpd/parent_proc.o smtpd/parent_resolv.o \
		smtpd/parent_shadow.o smtpd/proc.o \
		smtpd/queue.o smtpd/queue_admin.o smtpd/queue_bounce.o \
		smtpd/queue_commit.o smtpd/queue_content.o \
		smtpd/queue_control.o smtpd/queue_deliver.o smtpd/queue_dsn.o \
		smtpd/queue_envelope.o smtpd/queue_fate.o \
		smtpd/queue_lease.o smtpd/queue_message.o \
		smtpd/queue_relay.o smtpd/queue_route.o \
		smtpd/queue_sched.o smtpd/queue_show.o \
		smtpd/queue_stats.o smtpd/queue_update.o smtpd/relay.o smtpd/relay_auth.o \
		smtpd/relay_command.o smtpd/relay_conn.o smtpd/relay_content.o \
		smtpd/relay_dest.o smtpd/relay_hello.o \
		smtpd/relay_host.o smtpd/relay_job.o smtpd/relay_query.o \
		smtpd/relay_reply.o smtpd/relay_route.o \
		smtpd/relay_tls.o smtpd/relay_tx.o smtpd/report_emit.o \
		smtpd/report_remote.o smtpd/smtp.o \
		smtpd/smtp_answer.o smtpd/smtp_bus.o smtpd/smtp_condition.o smtpd/smtp_lines.o \
		smtpd/smtp_listen.o smtpd/smtp_name.o \
		smtpd/smtp_chain.o smtpd/smtp_command.o \
		smtpd/smtp_content.o smtpd/smtp_filter.o \
		smtpd/smtp_filter_stats.o smtpd/smtp_greet.o \
		smtpd/smtp_message.o smtpd/smtp_param.o smtpd/smtp_phase.o \
		smtpd/smtp_pipe.o smtpd/smtp_question.o smtpd/smtp_stream.o \
		smtpd/smtp_auth.o smtpd/smtp_line.o smtpd/smtp_penalty.o \
		smtpd/smtp_proclog.o smtpd/smtp_reply.o \
		smtpd/smtp_session.o smtpd/smtp_stats.o \
		smtpd/smtp_tls.o smtpd/smtp_tx.o \
		smtpd/smtp_verb.o smtpd/smtp_wait.o smtpd/smtpd.o smtpd/spool.o \
		smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o \
		smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o \
		smtpd/spool_index.o smtpd/spool_scan.o \
		smtpd/spool_segment.o smtpd/srs.o smtpd/submit.o \
		smtpd/table.o smtpd/table_content.o smtpd/table_file.o \
		smtpd/table_net.o
SENDMAIL_OBJS =	smtpd/sendmail.o smtpd/sendmail_message.o smtpd/sendmail_offline.o

SMTPCTL_OBJS =	smtpd/smtpctl.o smtpd/smtpctl_encrypt.o

TOOLS =		bin/rptcut bin/rptdrive bin/rptfilter bin/rptfmt bin/rpttap bin/txjoin
DNS_TOOLS =	bin/fcrdns
TLS_TOOLS =	bin/rptreplay
DAEMON =	smtpd/smtpd smtpd/smtpctl smtpd/sendmail

UNIT !=		ls tests/unit/*_test.c 2>/dev/null | sed 's/\.c$$//'
FUZZ !=		ls tests/fuzz/*_fuzz.c 2>/dev/null | sed 's/\.c$$//'

MANUALS !=	ls man/*.[1-9]
EXAMPLES =	examples/smtpd.conf examples/relay.conf examples/smtpd.service \
		examples/smtpd.sysusers examples/smtpd.tmpfiles
PIPELINES !=	ls examples/recipes/* examples/dashboard/* examples/filters/*
BRIDGES =	lib/bridge/filter.sh lib/bridge/filter.awk lib/bridge/filter-awk
PYTHON_BRIDGE =	lib/bridge/opensmtpd/__init__.py lib/bridge/opensmtpd/py.typed

LOAD =		tests/bench/smtp_load tests/bench/dns_front tests/bench/filter_echo
BENCH =		tests/bench/smtp_data_bench tests/bench/report_gen
QUEUE_BENCH =	tests/bench/queue_bench

PROGRAMS =	$(DAEMON) $(TOOLS) $(DNS_TOOLS) $(TLS_TOOLS)
OBJS =		$(LIB_OBJS) $(DNS_OBJS) $(TLS_OBJS) $(SMTPD_OBJS)
ALL_OBJS =	$(OBJS) $(SMTPCTL_OBJS) $(SENDMAIL_OBJS) $(TOOLS:=.o) \
		$(DNS_TOOLS:=.o) $(TLS_TOOLS:=.o) $(UNIT:=.o)
FUZZ_OBJS =	$(FUZZ:=.o)

A =		build/asan
# The files *.d that the compiler wrote: which headers an object was made from.
# POSIX has no optional include and no pattern in one, so they are put together.
DEPEND !=	mkdir -p build; { cat */*.d tests/*/*.d $(A)/*/*.d \
		    $(A)/tests/*/*.d || :; } 2>/dev/null >build/depend.$$$$ && \
		    mv build/depend.$$$$ build/depend.mk || :

# -- targets --------------------------------------------------------------

all: $(PROGRAMS)

# Whatever has landed, one by one: it says what does not compile.
objs: $(OBJS)

include build/depend.mk

.c.o:
	$(CC) $(CFLAGS) $(HARDEN) $(CC_ALL) $(WERROR) -c -o $@ $<

build/lib.a: $(LIB_OBJS)
	rm -f $@
	ar rcs $@ $(LIB_OBJS)

smtpd/smtpd: $(SMTPD_OBJS) $(DNS_OBJS) build/lib.a
	$(CC) $(LD_ALL) $(LDFLAGS) -o $@ $(SMTPD_OBJS) $(DNS_OBJS) build/lib.a \
	    $(SMTPD_LIBS) $(DNS_LIBS) $(BSD_LIBS)

smtpd/smtpctl: $(SMTPCTL_OBJS) build/lib.a
	$(CC) $(LD_ALL) $(LDFLAGS) -o $@ $(SMTPCTL_OBJS) build/lib.a \
	    $(CRYPT_LIBS) $(BSD_LIBS)

smtpd/sendmail: $(SENDMAIL_OBJS) smtpd/submit.o build/lib.a
	$(CC) $(LD_ALL) $(LDFLAGS) -o $@ $(SENDMAIL_OBJS) smtpd/submit.o build/lib.a \
	    $(BSD_LIBS)

$(TOOLS): $(TOOLS:=.o) build/lib.a
	$(CC) $(LD_ALL) $(LDFLAGS) -o $@ $@.o build/lib.a $(PCRE_LIBS) $(BSD_LIBS)

$(DNS_TOOLS): $(DNS_TOOLS:=.o) $(DNS_OBJS) build/lib.a
	$(CC) $(LD_ALL) $(LDFLAGS) -o $@ $@.o $(DNS_OBJS) build/lib.a $(DNS_LIBS) \
	    $(BSD_LIBS)

$(TLS_TOOLS): $(TLS_TOOLS:=.o) $(TLS_OBJS) build/lib.a
	$(CC) $(LD_ALL) $(LDFLAGS) -o $@ $@.o $(TLS_OBJS) build/lib.a $(TLS_LIBS) \
	    $(BSD_LIBS)

# A test says in its source which objects beyond lib it needs.
$(UNIT): $(UNIT:=.o) $(OBJS) build/lib.a
	$(CC) $(LD_ALL) $(LDFLAGS) -o $@ $@.o \
	    `sed -n 's,^/\* objects: \(.*\) \*/$$,\1,p' $@.c` build/lib.a \
	    $(CMOCKA_LIBS) $(SMTPD_LIBS) $(DNS_LIBS) $(PCRE_LIBS) $(BSD_LIBS)

# The same once more for the sanitizers, in a directory of its own.  A suffix
# rule cannot reach from there to the sources, so each object's rule is this
# one; its prerequisites, the source included, come from build/depend.mk.
$(ALL_OBJS:%=$(A)/%) $(FUZZ_OBJS:%=$(A)/%) $(A)/tests/fuzz/driver.o:
	@mkdir -p $(@D)
	$(CC) $(ASAN) $(CC_ALL) -Werror -c -o $@ $(@:$(A)/%.o=%.c)

$(A)/lib.a: $(LIB_OBJS:%=$(A)/%)
	rm -f $@
	ar rcs $@ $(LIB_OBJS:%=$(A)/%)

$(A)/smtpd/smtpd: $(SMTPD_OBJS:%=$(A)/%) $(DNS_OBJS:%=$(A)/%) $(A)/lib.a
	$(CC) $(ASAN) -pie -o $@ $(SMTPD_OBJS:%=$(A)/%) $(DNS_OBJS:%=$(A)/%) \
	    $(A)/lib.a $(SMTPD_LIBS) $(DNS_LIBS) $(BSD_LIBS)

$(A)/smtpd/smtpctl: $(SMTPCTL_OBJS:%=$(A)/%) $(A)/lib.a
	$(CC) $(ASAN) -pie -o $@ $(SMTPCTL_OBJS:%=$(A)/%) $(A)/lib.a \
	    $(CRYPT_LIBS) $(BSD_LIBS)

$(A)/smtpd/sendmail: $(SENDMAIL_OBJS:%=$(A)/%) $(A)/smtpd/submit.o $(A)/lib.a
	$(CC) $(ASAN) -pie -o $@ $(SENDMAIL_OBJS:%=$(A)/%) $(A)/smtpd/submit.o \
	    $(A)/lib.a $(BSD_LIBS)

$(TOOLS:%=$(A)/%): $(TOOLS:%=$(A)/%.o) $(A)/lib.a
	$(CC) $(ASAN) -pie -o $@ $@.o $(A)/lib.a $(PCRE_LIBS) $(BSD_LIBS)

$(DNS_TOOLS:%=$(A)/%): $(DNS_TOOLS:%=$(A)/%.o) $(DNS_OBJS:%=$(A)/%) $(A)/lib.a
	$(CC) $(ASAN) -pie -o $@ $@.o $(DNS_OBJS:%=$(A)/%) $(A)/lib.a $(DNS_LIBS) \
	    $(BSD_LIBS)

$(TLS_TOOLS:%=$(A)/%): $(TLS_TOOLS:%=$(A)/%.o) $(TLS_OBJS:%=$(A)/%) $(A)/lib.a
	$(CC) $(ASAN) -pie -o $@ $@.o $(TLS_OBJS:%=$(A)/%) $(A)/lib.a $(TLS_LIBS) \
	    $(BSD_LIBS)

$(UNIT:%=$(A)/%): $(UNIT:%=$(A)/%.o) $(OBJS:%=$(A)/%) $(A)/lib.a
	$(CC) $(ASAN) -pie -o $@ $@.o \
	    `sed -n 's,^/\* objects: \(.*\) \*/$$,\1,p' $(@:$(A)/%=%).c | \
	    sed 's,[^ ][^ ]*,$(A)/&,g'` $(A)/lib.a \
	    $(CMOCKA_LIBS) $(SMTPD_LIBS) $(DNS_LIBS) $(PCRE_LIBS) $(BSD_LIBS)

$(LOAD): $(LOAD:=.o)
	$(CC) $(LD_ALL) $(LDFLAGS) -o $@ $@.o $(BSD_LIBS)

$(BENCH): $(BENCH:=.o) build/lib.a
	$(CC) $(LD_ALL) $(LDFLAGS) -o $@ $@.o build/lib.a $(BSD_LIBS)

# All of the daemon but its main().
$(QUEUE_BENCH): $(QUEUE_BENCH).o $(SMTPD_OBJS) $(DNS_OBJS) build/lib.a
	$(CC) $(LD_ALL) $(LDFLAGS) -o $@ $@.o \
	    `echo $(SMTPD_OBJS) | sed 's,smtpd/smtpd\.o,,'` $(DNS_OBJS) build/lib.a \
	    $(SMTPD_LIBS) $(DNS_LIBS) $(BSD_LIBS)

check: all $(UNIT) $(LOAD) sanitized
	perl tests/run -a

sanitized: $(PROGRAMS:%=$(A)/%) $(UNIT:%=$(A)/%) $(FUZZ:%=$(A)/%)

# Every fuzzer replays its inputs and tries some changes of them in `check`;
# the campaign lets libFuzzer look for new ones.
$(FUZZ:%=$(A)/%): $(FUZZ_OBJS:%=$(A)/%) $(A)/tests/fuzz/driver.o $(OBJS:%=$(A)/%) $(A)/lib.a
	$(CC) $(ASAN) -pie -o $@ $@.o $(A)/tests/fuzz/driver.o \
	    `sed -n 's,^/\* objects: \(.*\) \*/$$,\1,p' $(@:$(A)/%=%).c | \
	    sed 's,[^ ][^ ]*,$(A)/&,g'` $(A)/lib.a $(SMTPD_LIBS) $(DNS_LIBS) $(PCRE_LIBS) \
	    $(BSD_LIBS)

fuzz:
	SECONDS_EACH="$(FUZZ_SECONDS)" \
	    sh tests/fuzz/campaign $(FUZZ) -- $(FUZZ_CC) $(CPP_ALL)

kill: all $(LOAD)
	KILLS=$(KILLS) prove -v tests/kill.t

# Clients and filters that end anywhere, against the daemon with the sanitizers.
filter-random: $(DAEMON:%=$(A)/%)
	BUILD=$(A) RANDOM_SECONDS="$(SECONDS)" SEED="$(SEED)" \
	    sh tests/filter_random/run

bench: all $(LOAD) $(BENCH)
	sh tests/bench/run

bench-filters: all $(LOAD)
	sh tests/bench/filters

bench-queue: $(QUEUE_BENCH)
	$(QUEUE_BENCH) -l 100000 10000 2>/dev/null
	$(QUEUE_BENCH) 100000 10000 2>/dev/null
	$(QUEUE_BENCH) -l 100000 1 2>/dev/null

bench-tools: all $(BENCH)
	sh tests/bench/tools

bench-replay: all $(LOAD)
	sh tests/bench/replay

bench-fcrdns: all $(LOAD)
	sh tests/bench/fcrdns

lint:
	prove tests/lint.t tests/layers.t

demo: all
	@ONCE="$(ONCE)" PORT="$(PORT)" sh examples/demo run

deps:
	sh examples/deps check

# Users of the processes and their directories: examples/smtpd.sysusers and
# examples/smtpd.tmpfiles.  sendmail is set-group-ID where the group is there.
install: all
	mkdir -p $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(EXAMPLEDIR)
	for p in $(DAEMON); do \
	    install -m 755 $$p $(DESTDIR)$(SBINDIR)/ || exit; done
	for p in $(TOOLS) $(DNS_TOOLS) $(TLS_TOOLS); do \
	    install -m 755 $$p $(DESTDIR)$(BINDIR)/ || exit; done
	for p in $(MANUALS); do \
	    d=$(DESTDIR)$(MANDIR)/man$${p##*.} && mkdir -p $$d && \
	    install -m 644 $$p $$d/ || exit; done
	for p in $(EXAMPLES); do \
	    sed 's,/usr/local/sbin,$(SBINDIR),; s,/etc/mail,$(SYSCONFDIR)/mail,; s,/var/spool/smtpd,$(SPOOLDIR),' $$p \
	    >$(DESTDIR)$(EXAMPLEDIR)/$${p##*/} || exit; done
	for p in $(PIPELINES); do \
	    d=$(DESTDIR)$(EXAMPLEDIR)/$${p#examples/} && mkdir -p $${d%/*} && \
	    cp $$p $$d || exit; done
	mkdir -p $(DESTDIR)$(BRIDGEDIR) $(DESTDIR)$(PYTHONDIR)/opensmtpd
	cp $(BRIDGES) $(DESTDIR)$(BRIDGEDIR)/
	cp $(PYTHON_BRIDGE) $(DESTDIR)$(PYTHONDIR)/opensmtpd/
	chgrp _smtpq $(DESTDIR)$(SBINDIR)/sendmail 2>/dev/null && \
	    chmod 2755 $(DESTDIR)$(SBINDIR)/sendmail || \
	    echo "sendmail is to be set-group-ID _smtpq: see sendmail(8)"

uninstall:
	for p in $(DAEMON); do rm -f $(DESTDIR)$(SBINDIR)/$${p##*/}; done
	for p in $(TOOLS) $(DNS_TOOLS) $(TLS_TOOLS); do rm -f $(DESTDIR)$(BINDIR)/$${p##*/}; done
	for p in $(MANUALS); do \
	    p=$${p##*/}; rm -f $(DESTDIR)$(MANDIR)/man$${p##*.}/$$p; done
	rm -rf $(DESTDIR)$(EXAMPLEDIR) $(DESTDIR)$(BRIDGEDIR) $(DESTDIR)$(PYTHONDIR)/opensmtpd

clean:
	rm -rf build demo lib/bridge/opensmtpd/__pycache__
	rm -f $(PROGRAMS) $(UNIT) $(LOAD) $(BENCH) $(QUEUE_BENCH) */*.o */*.d tests/*/*.o tests/*/*.d
