// A server over a TestBackend, in a directory of its own, with its loop on its own thread.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <future>
#include <thread>

#include "daemon/http_server.h"
#include "daemon/test_backend.h"

namespace nines::daemon {

class TestServer {
 public:
  explicit TestServer(HttpServerOptions options = {}, uid_t owner = ::geteuid()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "nines-api-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    ::chmod(directory_.c_str(), 0755);  // another user must get as far as the socket's own mode
    options.socket_path = path();
    options.owner = owner;
    thread_ = std::thread([this] { io_.run(); });
    on_loop([&] {
      auto started = HttpServer::start(io_, backend, std::move(options));
      if (!started) throw std::runtime_error(started.error().message());
      server = std::move(*started);
    });
  }

  ~TestServer() {
    on_loop([this] { server.reset(); });
    work_.reset();
    thread_.join();
    std::filesystem::remove_all(directory_);
  }

  std::string path() const { return directory_ + "/api.sock"; }
  std::string directory() const { return directory_; }
  boost::asio::io_context& io() { return io_; }

  /// Runs `f` on the loop's thread and waits for it.
  template <typename F>
  std::invoke_result_t<F> on_loop(F f) {
    std::packaged_task<std::invoke_result_t<F>()> task(std::move(f));
    auto result = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    return result.get();
  }

  /// Waits until `f`, run on the loop, is true. A test that waits in vain runs into its time-out.
  template <typename F>
  void wait_until(F f) {
    while (!on_loop(f)) std::this_thread::yield();
  }

  TestBackend backend;
  std::unique_ptr<HttpServer> server;

 private:
  std::string directory_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::thread thread_;
};

}  // namespace nines::daemon
