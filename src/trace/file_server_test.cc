#include "trace/file_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

namespace nines::trace {
namespace {

/// A client, and a server for as long as it asks.
class FileServer : public testing::Test {
 protected:
  void SetUp() override {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    client_.reset(pair[0]);
    server_.reset(pair[1]);
  }

  bool gives(FileRequest kind, const std::string& text) {
    bool served = false;
    std::thread server([&] { served = serve_file(server_.get()); });
    const UniqueFd file = FileClient(client_.get()).ask(kind, text);
    server.join();
    EXPECT_TRUE(served);
    return file.valid();
  }

  UniqueFd client_, server_;
};

TEST_F(FileServer, GivesAnElfFile) {
  EXPECT_TRUE(gives(FileRequest::kMapped, "/proc/self/exe"));
}

TEST_F(FileServer, GivesNothingElse) {
  EXPECT_FALSE(gives(FileRequest::kMapped, "/etc/passwd"));
  EXPECT_FALSE(gives(FileRequest::kMapped, "/dev/zero"));
  EXPECT_FALSE(gives(FileRequest::kMapped, "/usr"));
  EXPECT_FALSE(gives(FileRequest::kMapped, "/nowhere"));
  EXPECT_FALSE(gives(FileRequest::kMapped, "bin/true"));
  EXPECT_FALSE(gives(FileRequest::kMapped, ""));
  EXPECT_FALSE(gives(FileRequest::kMapped, std::string("/bin/true\0", 10)));
}

TEST_F(FileServer, DoesNotWaitForAFifo) {
  const std::string path = testing::TempDir() + "nines-fifo";
  (void)std::remove(path.c_str());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(gives(FileRequest::kMapped, path));
  (void)std::remove(path.c_str());
}

TEST_F(FileServer, TakesOnlyHexadecimalForABuildId) {
  EXPECT_FALSE(gives(FileRequest::kBuildId, "../../../bin/true"));
  EXPECT_FALSE(gives(FileRequest::kBuildId, "ab/../../../../../bin/true"));
  EXPECT_FALSE(gives(FileRequest::kBuildId, "ab"));
  EXPECT_FALSE(gives(FileRequest::kBuildId, ""));
}

TEST_F(FileServer, FollowsADebugLinkToNoOtherDirectory) {
  using std::string_literals::operator""s;
  EXPECT_TRUE(gives(FileRequest::kDebugLink, "/bin/true\0ls"s));
  EXPECT_FALSE(gives(FileRequest::kDebugLink, "/bin/true\0../bin/ls"s));
  EXPECT_FALSE(gives(FileRequest::kDebugLink, "/bin/true\0true"s)) << "the program itself";
  EXPECT_FALSE(gives(FileRequest::kDebugLink, "/bin/true"));
}

TEST_F(FileServer, EndsWithWhatNoClientSays) {
  EXPECT_EQ(::send(client_.get(), "", 0, 0), 0);
  EXPECT_FALSE(serve_file(server_.get()));
  client_.reset();
  EXPECT_FALSE(serve_file(server_.get()));
}

TEST_F(FileServer, OneThatIsGoneGivesNothing) {
  server_.reset();
  EXPECT_FALSE(FileClient(client_.get()).ask(FileRequest::kMapped, "/bin/true"));
}

}  // namespace
}  // namespace nines::trace
