#!/bin/sh
# SPDX-License-Identifier: ISC
# Clients that vanish and filters that die anywhere, for some seconds: see
# tests/filter_random/run, and `make filter-random` for longer.
export RANDOM_SECONDS=${RANDOM_SECONDS:-10}
exec sh tests/filter_random/run
