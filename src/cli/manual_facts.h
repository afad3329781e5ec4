// Files, variables and examples that help and manual name.
#pragma once

#include <array>
#include <string_view>

namespace nines::cli {

struct Fact {
  std::string_view name;
  std::string_view meaning;
};

inline constexpr std::array<Fact, 9> kFiles = {{
    {"/run/nines/api.sock",
     "The daemon's socket: HTTP with JSON. For an ordinary user's own "
     "daemon it is $XDG_RUNTIME_DIR/nines/api.sock; without that variable, "
     "/run/user/UID/nines/api.sock, or else /tmp/nines-UID/api.sock."},
    {"/var/lib/nines/ledger.db",
     "The ledger. For an ordinary user it is $XDG_STATE_HOME/nines/ledger.db, or "
     "~/.local/state/nines/ledger.db."},
    {"/var/lib/nines/kept.json", "Units that are started with the daemon; beside the ledger."},
    {"/var/lib/nines/crashes", "What is kept of crashes, a directory each; for root alone."},
    {"/var/lib/nines/crash-signatures",
     "What is known of each signature; it outlives the crashes. For root alone."},
    {"/var/lib/nines/crash-files", "Programs that were gone when they crashed, each once."},
    {"/var/lib/nines/core-pattern.json", "What core_pattern was before nines crash setup."},
    {"/etc/nines/units", "Units of nines alone, before those of systemd."},
    {"/etc/systemd/system, /run/systemd/system, /lib/systemd/system",
     "Units in systemd's own places, which are read as they are."},
}};

inline constexpr std::array<Fact, 10> kEnvironment = {{
    {"NINES_RUNTIME_DIR", "As --runtime-dir."},
    {"NINES_UNIT_PATH",
     "Directories of units, separated by colons, searched first; with a colon "
     "at the end, before the usual ones, else instead of them."},
    {"NINES_PAGER",
     "The program that shows what is longer than the screen; empty or cat: none. Before PAGER."},
    {"PAGER", "The same, for all programs. Without both: less, with -FRX, where it is installed."},
    {"NO_COLOR", "Any value but an empty one: no colours, as with --no-color."},
    {"CLICOLOR_FORCE", "Any value but 0 or an empty one: colours in a file or pipe too."},
    {"CLICOLOR", "0: no colours."},
    {"TERM", "Without it, or with dumb: no colours, no pager."},
    {"COLUMNS", "The width to print tables for, instead of the terminal's."},
    {"XDG_RUNTIME_DIR, XDG_STATE_HOME", "Where an ordinary user's files are, see FILES."},
}};

struct Example {
  std::string_view verb;
  std::string_view command;
  std::string_view meaning;
};

inline constexpr std::array<Example, 53> kExamples = {{
    {"", "nines", "The nine cells of this host, and what to type next."},
    {"", "nines keep redis-server nginx", "Keep two units up, now and after each boot."},
    {"", "nines why --since 7d", "Why units were down in the last week."},
    {"cell", "nines app.unplanned", "One cell, with all evidence."},
    {"status", "nines status", "All units, those in trouble first."},
    {"status", "nines status --check redis-server || echo in trouble", "For a script."},
    {"logs", "nines logs -f -n 20 nginx", "The last 20 lines, then each new one."},
    {"events", "nines events --since 1h --unit nginx", "What happened to it in the last hour."},
    {"events", "nines --json events -f | jq .kind", "The kind of each event as it happens."},
    {"why", "nines why redis-server --since 30d", "One unit, over 30 days."},
    {"patch build",
     "nines patch build --source redis-7.0.15 --diff CVE-2025-49844.patch --build make -o fix.nlp",
     "A live patch for what the build links."},
    {"patch build",
     "nines patch build --source redis-7.0.15 --diff fix.patch --build 'dpkg-buildpackage -b' "
     "--binary /usr/bin/redis-server -o fix.nlp",
     "For the installed program."},
    {"patch apply", "nines patch apply fix.nlp --all --unsigned",
     "Each process that runs what it is for."},
    {"patch list", "nines patch list", "Which processes are patched."},
    {"patch revert", "nines patch revert fix --all", "The code as it was."},
    {"patch inspect", "nines patch inspect fix.nlp", "What it changes, and in which programs."},
    {"updates", "nines updates", "Pending security updates, and who has to be restarted for them."},
    {"unit check", "nines unit check ./my.service", "What each line of the file will do."},
    {"keep", "nines keep -d redis-server", "Keep it up, and return when it is ready."},
    {"keep", "nines keep -- redis-server --port 7000", "Keep a command up in the foreground."},
    {"unkeep", "nines unkeep redis-server", "It runs on, but not after the next boot."},
    {"start", "nines start ./my.service", "A unit of a file that is installed nowhere."},
    {"start", "nines start --no-block nginx", "Return at once."},
    {"stop", "nines stop nginx", "Planned downtime begins."},
    {"restart", "nines restart nginx redis-server", "Two units, in the order they need."},
    {"reload", "nines reload nginx", "Read the configuration again, without downtime."},
    {"rejuvenate", "nines rejuvenate web", "A fresh process in its place, without a gap."},
    {"reset-failed", "nines reset-failed nginx", "It may be started again at once."},
    {"export", "nines export >ledger.jsonl", "All that was recorded, as a file."},
    {"import", "nines import ledger.jsonl", "Back into this host's ledger, after it was lost."},
    {"import", "ssh other nines export | nines import --ledger other.db -", "Of another host."},
    {"ledger check", "nines ledger check", "Exits with 1 if something is found."},
    {"ledger repair", "systemctl stop ninesd && nines ledger repair", "What can be read is saved."},
    {"crash list", "nines crash list", "What crashed, where in it, and how often."},
    {"crash list", "nines crash list --unit redis-server --since 7d", "Of one unit, in a week."},
    {"crash show", "nines crash show", "Why the last one crashed, in about 20 lines."},
    {"crash show", "nines crash show 01a2188f --full", "All threads of another one."},
    {"crash show", "nines crash show --core ./core", "Of a core that somebody else has written."},
    {"crash gdb", "nines crash gdb latest", "To look into it."},
    {"crash gdb", "nines crash gdb latest -- -batch -ex bt", "For a script."},
    {"crash export", "nines crash export latest crash.tar.zst", "All of it, in one file."},
    {"crash forget", "nines crash forget --before 30d", "Those that are older than 30 days."},
    {"crash note", "nines crash note 8cfc0546 \"only with a full disk\"",
     "For whoever sees it next."},
    {"crash note", "nines crash note 8cfc0546 --fix v7.0.16", "What mends it."},
    {"crash setup", "nines crash setup --dry-run", "What it would alter."},
    {"crash setup", "nines crash setup", "Keep what tells of each crash from now on."},
    {"crash setup", "nines crash setup --undo", "As it was before."},
    {"daemon status", "nines daemon status", "The daemon, and what this kernel lets it do."},
    {"daemon reexec", "nines daemon reexec", "After an upgrade of the package."},
    {"help", "nines help logs", "One verb."},
    {"help", "nines help --man logs | man -l -", "The same as a manual page."},
    {"completion", "source <(nines completion bash)", "To try it in bash."},
    {"completion", "source <(nines completion zsh)", "To try it in zsh, after compinit."},
}};

}  // namespace nines::cli
