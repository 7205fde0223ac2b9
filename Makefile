# pipepost: POSIX make (with != of POSIX.1-2024), one file, no recursion.
