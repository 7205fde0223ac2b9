/* SPDX-License-Identifier: ISC */
/*
 * smtpd: the command line.  Checks the configuration (-n), or becomes the
 * parent process, or with -x one of its children.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <ctype.h>
#include <err.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/nitems.h"
#include "smtpd/conf.h"
#include "smtpd/log.h"
#include "smtpd/parent.h"
#include "smtpd/proc.h"
#include "smtpd/table.h"

static const char	*file = CONF_FILE;
static char		*macros[64];	/* of -D, NULL-terminated */
static size_t		 nmacros;
static bool		 check, foreground;
static int		 verbosity;
/* Of the parent for its children: which process, as whom, confined to what. */
static const char	*child, *user, *root;

static noreturn void
usage(void)
{
	fprintf(stderr, "usage: smtpd [-dnv] [-D macro=value] [-f file]\n");
	exit(2);
}

/* The binary that the parent executes for its children. */
static const char *
find_program(const char *argv0)
{
	static char	 path[PATH_MAX];

	if (realpath("/proc/self/exe", path) != NULL ||
	    (strchr(argv0, '/') != NULL && realpath(argv0, path) != NULL))
		return path;
	errx(1, "cannot tell where this program is, as /proc is not mounted; start it by its absolute path");
}

static void
check_file(const char *what, const char *name, const char *path)
{
	if (path != NULL && access(path, R_OK) == -1)
		warn("warning: %s %s: %s", what, name, path);
}

/* Files may come later, or be readable to root only: none is an error of the configuration. */
static void
check_files(const struct conf *conf)
{
	const struct table	*t;
	const struct pki	*p;
	const struct ca		*ca;

	TAILQ_FOREACH(t, &conf->tables, entry)
		check_file("table", t->name, t->path);
	TAILQ_FOREACH(p, &conf->pkis, entry) {
		check_file("cert of pki", p->name, p->cert);
		check_file("key of pki", p->name, p->key);
	}
	TAILQ_FOREACH(ca, &conf->cas, entry)
		check_file("cert of ca", ca->name, ca->cert);
}

/* Sessions are bounded by descriptors: take what the system grants. */
static void
raise_limits(void)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		log_warn("raise the limit of descriptors to %llu",
		    (unsigned long long)rl.rlim_max);
}

/* Standard descriptors are open, so that no socket becomes one of them. */
static void
sane_descriptors(void)
{
	struct stat	 st;
	int		 fd;

	for (fd = 0; fd <= STDERR_FILENO; fd++)
		if (fstat(fd, &st) == -1 &&
		    freopen("/dev/null", fd == 0 ? "r" : "w",
		    fd == 0 ? stdin : fd == 1 ? stdout : stderr) == NULL)
			exit(1);
}

static void
add_macro(char *macro)
{
	size_t	 n = 0;

	while (isalnum((unsigned char)macro[n]) || macro[n] == '_')
		n++;
	if (n == 0 || macro[n] != '=')
		errx(2, "-D %s: a macro is NAME=VALUE, NAME of letters, digits and _",
		    macro);
	if (nmacros + 1 == nitems(macros))
		errx(2, "-D %s: more than %zu macros", macro, nmacros);
	macros[nmacros++] = macro;
}

static void
parse_options(int argc, char *argv[])
{
	int	 ch;

	while ((ch = getopt(argc, argv, "dD:f:nR:u:vx:")) != -1)
		switch (ch) {
		case 'd':
			foreground = true;
			break;
		case 'D':
			add_macro(optarg);
			break;
		case 'f':
			file = optarg;
			break;
		case 'n':
			check = true;
			break;
		case 'R':
			root = optarg;
			break;
		case 'u':
			user = optarg;
			break;
		case 'v':
			verbosity++;
			break;
		case 'x':
			child = optarg;
			break;
		default:
			usage();
		}
}

/* Started by the parent, as the process that -x names; does not return. */
static noreturn void
run_child(int argc, char *argv[])
{
	enum process	 self = proc_by_name(child);

	log_init(foreground, verbosity);
	if (self == PROC_OFFLINE && argc == 3)
		offline_main(argv[0], argv[1], argv[2]);
	if (self == PROC_MAX || user == NULL || argc != 0)
		usage();
	setproctitle("%s", child);
	proc_child(self, user, root);
	exit(0);
}

int
main(int argc, char *argv[], char *envp[])
{
	struct conf	*conf;

	sane_descriptors();
	setproctitle_init(argc, argv, envp);
	parse_options(argc, argv);
	proc_privileged = geteuid() == 0;
	if (child != NULL)
		run_child(argc - optind, argv + optind);
	if (argc != optind)
		usage();
	log_init(true, verbosity);
	if ((conf = conf_load(file, macros, stderr)) == NULL)
		exit(1);
	check_files(conf);
	if (check) {
		fprintf(stderr, "configuration OK\n");
		conf_free(conf);
		exit(0);
	}
	raise_limits();
	setproctitle("parent");
	parent_options = (struct parent_options){ file, macros, foreground,
	    verbosity, find_program(argv[0]) };
	parent_main(conf);
}
