// live_states FILE: threads in states that a tracer could damage, each of which watches its own:
// registers, flags, vectors, the red zone, and system calls that wait. What they see is counted in
// FILE, which holds a LiveStates and stays mapped.
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <thread>
#include <vector>

#include "target.h"
#include "trace/live_states.h"

// Patterns in registers, in the carry flag and in the 128 bytes below the stack pointer; spins;
// compares. @return 0 when all are as they were.
extern "C" int registers_hold(std::uint64_t seed);
asm(R"(
.text
.globl registers_hold
.type registers_hold, @function
registers_hold:
  push %rbx
  push %r12
  push %r15
  mov %rdi, %rbx
  lea 1(%rdi), %r12
  lea 4(%rdi), %r15
  lea 5(%rdi), %r8
  lea 6(%rdi), %r11
  mov %rdi, -8(%rsp)
  mov %r12, -64(%rsp)
  mov %r15, -128(%rsp)
  movq %rbx, %xmm0
  punpcklqdq %xmm0, %xmm0
  movq %r12, %xmm7
  movq %r15, %xmm15
  punpcklqdq %xmm15, %xmm15
  mov $20000, %rcx
  stc
1: lea -1(%rcx), %rcx
  jrcxz 2f
  jmp 1b
2: jnc 3f
  cmp %rdi, %rbx
  jne 3f
  lea 5(%rdi), %rax
  cmp %rax, %r8
  jne 3f
  lea 6(%rdi), %rax
  cmp %rax, %r11
  jne 3f
  cmp -8(%rsp), %rbx
  jne 3f
  cmp -64(%rsp), %r12
  jne 3f
  cmp -128(%rsp), %r15
  jne 3f
  movq %xmm0, %rax
  cmp %rax, %rbx
  jne 3f
  psrldq $8, %xmm0
  movq %xmm0, %rax
  cmp %rax, %rbx
  jne 3f
  movq %xmm7, %rax
  cmp %rax, %r12
  jne 3f
  psrldq $8, %xmm15
  movq %xmm15, %rax
  cmp %rax, %r15
  jne 3f
  xor %eax, %eax
  jmp 4f
3: mov $1, %eax
4: pop %r15
  pop %r12
  pop %rbx
  ret
.size registers_hold, . - registers_hold
)");

namespace {

using nines::trace::LiveStates;

LiveStates* counted = nullptr;

[[gnu::noinline, gnu::target("avx")]] bool wide_vectors_hold(std::uint64_t seed) {
  alignas(32) std::uint64_t pattern[4] = {seed, seed + 1, seed + 2, seed + 3};
  alignas(32) std::uint64_t after[4] = {};
  asm volatile(
      "vmovdqa (%[in]), %%ymm3\n vmovdqa (%[in]), %%ymm14\n mov $20000, %%rcx\n"
      "1: dec %%rcx\n jnz 1b\n"
      "vxorps %%ymm3, %%ymm14, %%ymm4\n vorps %%ymm4, %%ymm3, %%ymm3\n vmovdqa %%ymm3, (%[out])\n"
      "vzeroupper\n"
      :
      : [in] "r"(pattern), [out] "r"(after)
      : "rcx", "xmm3", "xmm4", "xmm14", "cc", "memory");
  return std::equal(pattern, pattern + 4, after);
}

void spin(std::uint64_t seed) {
  const bool wide = __builtin_cpu_supports("avx") != 0;
  for (;; ++seed) {
    if (registers_hold(seed) != 0 || (wide && !wide_vectors_hold(seed))) ++counted->damaged;
    ++counted->spins;
  }
}

/// Calls `wait` for ever: it returns what the kernel said, or -errno.
template <typename Wait>
void wait_again(Wait wait) {
  for (;;) {
    const long result = wait();
    if (result == -EINTR) ++counted->interrupted;
    ++counted->waits;
  }
}

long result_of(long value) {
  return value < 0 ? -errno : value;
}

constexpr int kWaitMs = 20;
constexpr timespec kWait{0, kWaitMs * 1'000'000};

void wait_in_epoll(int timeout) {
  const int epoll = ::epoll_create1(0);
  epoll_event event{};
  const int silent = ::eventfd(0, 0);
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, silent, &event);
  wait_again([&] { return result_of(::epoll_wait(epoll, &event, 1, timeout)); });
}

void wait_in_recv() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) target::die("socketpair");
  const timeval timeout{0, kWaitMs * 1000};
  ::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  char byte = 0;
  wait_again([&] { return result_of(::recv(ends[0], &byte, 1, 0)); });
}

void wait_in_semop() {
  const int id = ::semget(IPC_PRIVATE, 1, 0600);
  if (id < 0) target::die("semget");
  counted->semaphore = id;
  sembuf take{0, -1, 0};
  wait_again([&] { return result_of(::semtimedop(id, &take, 1, &kWait)); });
}

void wait_in_sigtimedwait() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  wait_again([&] { return result_of(::sigtimedwait(&set, nullptr, &kWait)); });
}

void count_signal(int) {
  ++counted->signals;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) target::usage("live_states FILE");
  const int file = ::open(argv[1], O_RDWR);
  if (file < 0) target::die(argv[1]);
  void* const shared =
      ::mmap(nullptr, sizeof(LiveStates), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (shared == MAP_FAILED) target::die("mmap");
  counted = static_cast<LiveStates*>(shared);
  // Only the main thread takes them.
  sigset_t counted_signal;
  sigemptyset(&counted_signal);
  sigaddset(&counted_signal, SIGRTMIN);
  ::pthread_sigmask(SIG_BLOCK, &counted_signal, nullptr);
  std::vector<std::thread> threads;
  threads.emplace_back(spin, 1000);
  threads.emplace_back(spin, 2'000'000);
  threads.emplace_back(wait_in_epoll, kWaitMs);
  threads.emplace_back(wait_in_epoll, -1);
  threads.emplace_back(wait_in_recv);
  threads.emplace_back(wait_in_semop);
  threads.emplace_back(wait_in_sigtimedwait);
  threads.emplace_back([] { wait_again([] { return result_of(::poll(nullptr, 0, kWaitMs)); }); });
  threads.emplace_back([] { wait_again([] { return result_of(::nanosleep(&kWait, nullptr)); }); });
  threads.emplace_back([] {
    wait_again([] {
      int word = 0;
      return result_of(::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &kWait, nullptr, 0));
    });
  });
  struct sigaction action{};
  action.sa_handler = count_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGRTMIN, &action, nullptr);
  counted->ready = 1;
  ::pthread_sigmask(SIG_UNBLOCK, &counted_signal, nullptr);
  target::wait_forever();
}
