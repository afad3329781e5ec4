// What the keeper and the worker say to each other, over one SOCK_SEQPACKET pair.
//
// One message is one line of text, at most with one descriptor. The keeper outlives workers, so
// it promises only what survives them: descriptors by name and exit records until acknowledged.
//
//   worker -> keeper                      keeper -> worker
//   store NAME   (+ fd)  hold this        fd NAME   (+ fd)   held for you since before
//   drop NAME            let go           restored           that was all of them
//   ack SEQ              exits up to SEQ  exit SEQ PID START WSTATUS BOOT_NS
//   ready                start-up is over signal N           somebody signalled the keeper
//   reexec               execute anew after my exit
//   finish CODE          end with CODE after my exit
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/types.h"

namespace nines::keeper {

/// A child of the keeper ended.
struct ExitRecord {
  std::uint64_t sequence = 0;
  ProcessId process;
  int wait_status = 0;  ///< as of wait4(2)
  BootTime time;        ///< when the keeper saw it
};

struct Message {
  enum class Kind : std::uint8_t {
    kStore,
    kDrop,
    kAck,
    kReady,
    kReexec,
    kFinish,  // worker -> keeper
    kFd,
    kRestored,
    kExit,
    kSignal,  // keeper -> worker
  };
  Kind kind;
  std::string name;          ///< kStore, kDrop, kFd
  std::uint64_t number = 0;  ///< kAck: sequence, kFinish: code, kSignal: signal
  ExitRecord exit;           ///< kExit
};

inline constexpr std::size_t kMaxMessageBytes = 4096;
/// The descriptor number at which a worker finds its socket to the keeper.
inline constexpr int kWorkerSocketFd = 3;

std::string encode(const Message& message);
/// @errors kCorrupt: not a message of this protocol.
Result<Message> decode(std::string_view line);

}  // namespace nines::keeper
