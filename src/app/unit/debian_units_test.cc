// The unit files that Debian ships, as they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "app/unit/loader.h"

namespace nines::unit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

const std::string kUnits = std::string(NINES_SOURCE_DIR) + "/tests/fixtures/units";

LoadContext context() {
  return {{kUnits}, false, "host.example.org", "0123", "4567"};
}

std::shared_ptr<const Unit> load(std::string_view name) {
  Result<LoadedUnit> loaded = load_unit(name, context());
  EXPECT_TRUE(loaded.has_value()) << loaded.error().message();
  return loaded ? loaded->unit : std::make_shared<const Unit>();
}

std::vector<std::string> argv(const ExecCommand& command) {
  return command.argv;
}

class EveryUnit : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryUnit, LoadsWithoutAnError) {
  const Result<LoadedUnit> loaded = load_unit(GetParam(), context());
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message();
  EXPECT_FALSE(loaded->unit->files.empty());
  for (const Diagnostic& diagnostic : loaded->diagnostics) {
    EXPECT_NE(diagnostic.level, DiagnosticLevel::kError) << diagnostic.message;
    EXPECT_FALSE(diagnostic.message.empty());
  }
}

std::vector<std::string> every_unit() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kUnits)) {
    std::string name = entry.path().filename();
    if (!name.ends_with(".service") && !name.ends_with(".socket") && !name.ends_with(".target"))
      continue;
    const std::size_t at = name.find("@.");
    if (at != std::string::npos) name.insert(at + 1, "15-main");
    names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}
INSTANTIATE_TEST_SUITE_P(Debian, EveryUnit, ::testing::ValuesIn(every_unit()));

TEST(DebianUnits, ThereAreEnough) {
  EXPECT_GE(every_unit().size(), 50u);
}

TEST(DebianUnits, RedisServer) {
  const auto unit = load("redis-server");
  ASSERT_NE(unit->service(), nullptr);
  const ServiceUnit& service = *unit->service();
  EXPECT_EQ(unit->name, "redis-server.service");
  EXPECT_EQ(unit->unit.description, "Advanced key-value store");
  EXPECT_EQ(service.service.type, ServiceType::kNotify);
  EXPECT_EQ(service.service.notify_access, NotifyAccess::kMain);
  EXPECT_EQ(service.service.restart, RestartPolicy::kAlways);
  EXPECT_EQ(service.service.timeout_stop, TimeSpan());  // 0 = never
  EXPECT_EQ(service.service.timeout_start, TimeSpan(std::chrono::seconds(90)));
  ASSERT_EQ(service.service.exec_start.size(), 1u);
  EXPECT_THAT(argv(service.service.exec_start[0]),
              ElementsAre("/usr/bin/redis-server", "/etc/redis/redis.conf", "--supervised",
                          "systemd", "--daemonize", "no"));
  EXPECT_EQ(service.exec->user, "redis");
  EXPECT_EQ(service.exec->umask, 0007u);
  EXPECT_THAT(service.exec->runtime_directory.names, ElementsAre("redis"));
  EXPECT_EQ(service.exec->runtime_directory.mode, 02755u);
  EXPECT_EQ(service.exec->limits.at(RLIMIT_NOFILE).rlim_cur, 65535u);
  EXPECT_EQ(service.exec->capability_bounding_set, 0u);
  EXPECT_TRUE(service.exec->no_new_privileges);
  EXPECT_TRUE(service.exec->private_tmp);
  EXPECT_FALSE(service.service.restart_sec.has_value());
  EXPECT_FALSE(unit->unit.start_limit_burst.has_value());
  EXPECT_THAT(unit->install.alias, ElementsAre("redis.service"));
}

TEST(DebianUnits, Nginx) {
  const auto unit = load("nginx.service");
  const ServiceUnit& service = *unit->service();
  EXPECT_EQ(service.service.type, ServiceType::kForking);
  EXPECT_EQ(service.service.pid_file, "/run/nginx.pid");
  EXPECT_EQ(service.kill.mode, KillMode::kMixed);
  EXPECT_EQ(service.service.timeout_stop, TimeSpan(std::chrono::seconds(5)));
  EXPECT_THAT(argv(service.service.exec_start.get().at(0)),
              ElementsAre("/usr/sbin/nginx", "-g", "daemon on; master_process on;"));
  ASSERT_EQ(service.service.exec_stop.size(), 1u);
  EXPECT_TRUE(service.service.exec_stop[0].ignore_failure);
  EXPECT_EQ(service.service.exec_stop[0].path, "/sbin/start-stop-daemon");
  EXPECT_FALSE(service.service.restart.has_value());
  EXPECT_THAT(unit->unit.wants, ElementsAre("network-online.target"));
}

TEST(DebianUnits, PostgresqlInstance) {
  const auto unit = load("postgresql@15-main");
  const ServiceUnit& service = *unit->service();
  EXPECT_EQ(unit->name, "postgresql@15-main.service");
  EXPECT_EQ(unit->instance, "15-main");
  EXPECT_EQ(unit->unit.description, "PostgreSQL Cluster 15-main");
  ASSERT_EQ(unit->unit.conditions.size(), 1u);
  EXPECT_TRUE(unit->unit.conditions[0].assertion);
  EXPECT_EQ(unit->unit.conditions[0].argument, "/etc/postgresql/15/main/postgresql.conf");
  EXPECT_THAT(unit->unit.part_of, ElementsAre("postgresql.service"));
  EXPECT_THAT(
      argv(service.service.exec_start.get().at(0)),
      ElementsAre("/usr/bin/pg_ctlcluster", "--skip-systemctl-redirect", "15-main", "start"));
  EXPECT_TRUE(service.service.exec_start[0].ignore_failure);
  EXPECT_EQ(service.service.timeout_start, TimeSpan());
  EXPECT_EQ(service.service.timeout_stop, TimeSpan(std::chrono::hours(1)));
  EXPECT_EQ(service.service.pid_file, "/run/postgresql/15-main.pid");
  EXPECT_EQ(service.exec->oom_score_adjust, -900);
  EXPECT_EQ(service.exec->syslog_identifier, "postgresql@15-main");
}

TEST(DebianUnits, Haproxy) {
  const auto unit = load("haproxy");
  const ServiceUnit& service = *unit->service();
  EXPECT_THAT(
      service.exec->environment,
      ElementsAre(Pair("CONFIG", "/etc/haproxy/haproxy.cfg"), Pair("PIDFILE", "/run/haproxy.pid"),
                  Pair("EXTRAOPTS", "-S /run/haproxy-master.sock")));
  ASSERT_EQ(service.exec->environment_files.size(), 2u);
  EXPECT_EQ(service.exec->environment_files[0].path, "/etc/default/haproxy");
  EXPECT_TRUE(service.exec->environment_files[0].optional);
  EXPECT_THAT(
      argv(service.service.exec_start.get().at(0)),
      ElementsAre("/usr/sbin/haproxy", "-Ws", "-f", "$CONFIG", "-p", "$PIDFILE", "$EXTRAOPTS"));
  EXPECT_EQ(service.service.exec_reload.size(), 2u);
  EXPECT_THAT(service.service.success_exit_status.codes, ElementsAre(143));
}

TEST(DebianUnits, Memcached) {
  const auto unit = load("memcached");
  EXPECT_EQ(unit->service()->service.exec_start.get().at(0).path,
            "/usr/share/memcached/scripts/systemd-memcached-wrapper");
  EXPECT_EQ(unit->service()->service.pid_file, "/run/memcached/memcached.pid");
}

TEST(DebianUnits, MariadbJoinsContinuedLinesAndKnowsItsAlias) {
  const auto unit = load("mysql");  // a symbolic link
  EXPECT_EQ(unit->name, "mariadb.service");
  const ServiceUnit& service = *unit->service();
  ASSERT_EQ(service.service.exec_start.size(), 1u);
  const auto& arguments = service.service.exec_start[0].argv;
  ASSERT_EQ(arguments.size(), 3u);
  EXPECT_THAT(arguments[2], HasSubstr("VAR=`/usr/bin/galera_recovery`; [ $? -eq 0 ] || exit 1;"));
  EXPECT_TRUE(service.service.exec_start_post.get().at(0).full_privileges);
  EXPECT_FALSE(service.kill.send_sigkill);
  EXPECT_EQ(service.service.restart_sec, std::chrono::seconds(5));
  EXPECT_EQ(service.exec->ambient_capabilities, 1u << 14);  // CAP_IPC_LOCK
  EXPECT_GT(service.resources->tasks_max.value_or(0), 1000u);
  EXPECT_EQ(service.exec->limits.at(RLIMIT_MEMLOCK).rlim_cur, 524288u);
}

TEST(DebianUnits, TorPreparesItselfAsRoot) {
  const auto unit = load("tor@default");  // PermissionsStartOnly=yes
  const ServiceUnit& service = *unit->service();
  ASSERT_EQ(service.service.exec_start_pre.size(), 2u);
  EXPECT_TRUE(service.service.exec_start_pre[0].full_privileges);
  EXPECT_FALSE(service.service.exec_start.front().full_privileges);
  EXPECT_TRUE(service.service.exec_reload.front().full_privileges);
}

TEST(DebianUnits, ADropInOfOneInstanceOverridesTheTemplate) {
  const auto unit = load("mariadb@bootstrap");
  EXPECT_EQ(unit->files.size(), 2u);
  EXPECT_EQ(unit->service()->service.type, ServiceType::kOneshot);
  EXPECT_THAT(unit->service()->service.exec_start_pre, IsEmpty());
  EXPECT_EQ(unit->service()->service.exec_start.size(), 2u);
  EXPECT_THAT(unit->unit.conditions, IsEmpty());
}

TEST(DebianUnits, SshAndItsSocket) {
  const auto service = load("ssh");
  EXPECT_THAT(service->service()->service.restart_prevent.codes, ElementsAre(255));
  ASSERT_EQ(service->unit.conditions.size(), 1u);
  EXPECT_TRUE(service->unit.conditions[0].negate);
  EXPECT_EQ(service->unit.conditions[0].kind, "PathExists");
  const auto socket = load("ssh.socket");
  ASSERT_NE(socket->socket(), nullptr);
  EXPECT_EQ(socket->socket()->service, "ssh.service");
  EXPECT_EQ(socket->socket()->fd_name, "ssh.socket");
  ASSERT_EQ(socket->socket()->listen.size(), 1u);
  EXPECT_EQ(socket->socket()->listen[0].port, 22);
  EXPECT_EQ(socket->socket()->listen[0].family, SocketListen::Family::kInet6);
  EXPECT_EQ(socket->socket()->listen[0].address, "::");
}

TEST(DebianUnits, Sockets) {
  const auto docker = load("docker.socket");
  EXPECT_EQ(docker->socket()->listen.at(0).address, "/run/docker.sock");
  EXPECT_EQ(docker->socket()->socket_mode, 0660u);
  EXPECT_EQ(docker->socket()->socket_group, "docker");
  const auto dovecot = load("dovecot.socket");
  EXPECT_EQ(dovecot->socket()->listen.size(), 4u);
  EXPECT_EQ(dovecot->socket()->bind_ipv6_only, true);
  EXPECT_TRUE(dovecot->socket()->keep_alive);
  const auto mariadb = load("mariadb@x.socket");
  EXPECT_EQ(mariadb->socket()->listen.at(0).address, "@mariadb-x");
  EXPECT_EQ(mariadb->socket()->service, "mariadb@x.service");
  EXPECT_EQ(load("libvirtd-tls.socket")->socket()->service, "libvirtd.service");
}

TEST(DebianUnits, DockerGivesUpAsItsUnitSays) {
  const auto unit = load("docker");
  EXPECT_EQ(unit->unit.start_limit_burst, 3u);  // under [Service], where systemd moved it from
  EXPECT_EQ(unit->unit.start_limit_interval, std::chrono::seconds(60));
  EXPECT_EQ(unit->service()->exec->limits.at(RLIMIT_CORE).rlim_max, RLIM_INFINITY);
  EXPECT_FALSE(unit->service()->resources->tasks_max.has_value());
}

TEST(DebianUnits, ChronyTakesCapabilitiesAway) {
  const auto unit = load("chrony");
  const std::uint64_t set = unit->service()->exec->capability_bounding_set.value_or(0);
  EXPECT_EQ(set & (1ull << 21), 0u);  // CAP_SYS_ADMIN
  EXPECT_NE(set & (1ull << 25), 0u);  // CAP_SYS_TIME
  EXPECT_EQ(unit->service()->exec->runtime_directory_preserve, Preserve::kRestart);
  EXPECT_TRUE(unit->service()->service.exec_start.get().at(0).full_privileges);
  EXPECT_FALSE(unit->service()->exec->no_new_privileges);  // the later one wins
}

TEST(DebianUnits, TorStopsBySigint) {
  const auto unit = load("tor@default");
  EXPECT_EQ(unit->service()->kill.kill_signal, SIGINT);
  EXPECT_EQ(unit->service()->service.notify_access, NotifyAccess::kAll);
  EXPECT_EQ(unit->service()->service.exec_start_pre.size(), 2u);
}

TEST(DebianUnits, RabbitmqAppendsToItsLogs) {
  const auto unit = load("rabbitmq-server");
  EXPECT_EQ(unit->service()->exec->standard_output.kind, OutputKind::kAppend);
  EXPECT_EQ(unit->service()->exec->standard_error.path,
            "/var/log/rabbitmq/rabbitmq-server.error.log");
  EXPECT_EQ(unit->service()->exec->working_directory, "/var/lib/rabbitmq");
  EXPECT_EQ(unit->service()->service.restart_sec, std::chrono::seconds(10));
}

}  // namespace
}  // namespace nines::unit
