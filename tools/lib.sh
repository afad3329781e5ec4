# shellcheck shell=bash
# What the shell tools share. Sourced, never run.

NINES_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly NINES_ROOT
# The one Clang for format, tidy and fuzz; also in CMakePresets.json and tools/dependencies.txt.
export NINES_CLANG=19
# Debian's Python, also where another one comes first in PATH.
export NINES_PYTHON=/usr/bin/python3

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# usage_of FILE: the comment block at the head of FILE is its help text.
usage_of() { awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "$1"; }

# jobs: how many compilers at once: one for each CPU, as far as 1.2 GiB of memory for each allow.
jobs() {
  local cpus mib by_memory
  cpus=$(nproc)
  mib=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)
  by_memory=$((mib / 1200))
  [ "$by_memory" -ge 1 ] || by_memory=1
  [ "$cpus" -le "$by_memory" ] || cpus=$by_memory
  printf '%s\n' "${NINES_JOBS:-$cpus}"
}

# require_groups GROUP...: ends with the one command that helps when a package is missing.
require_groups() {
  "$NINES_ROOT/tools/install-deps" --check "$@" || exit 1
}
