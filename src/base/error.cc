#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace nines {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid-argument";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kExists: return "exists";
    case ErrorCode::kDenied: return "denied";
    case ErrorCode::kGone: return "gone";
    case ErrorCode::kBusy: return "busy";
    case ErrorCode::kNoSpace: return "no-space";
    case ErrorCode::kLimit: return "limit";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kInjected: return "injected";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

ErrorCode error_code_from_errno(int errno_value) {
  switch (errno_value) {
    case EINVAL:
    case ENAMETOOLONG:
    case ENOEXEC:
    case E2BIG:
    case EDOM: return ErrorCode::kInvalidArgument;
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ENXIO: return ErrorCode::kNotFound;
    case EEXIST:
    case ENOTEMPTY: return ErrorCode::kExists;
    case EPERM:
    case EACCES:
    case EROFS: return ErrorCode::kDenied;
    case ESRCH:
    case ECHILD:
    case EPIPE:
    case ECONNRESET:
    case ESTALE:
    case ENOTCONN: return ErrorCode::kGone;
    case EBUSY:
    case EAGAIN:
    case EADDRINUSE:
    case ETXTBSY:
    case EINPROGRESS:
    case ECONNREFUSED: return ErrorCode::kBusy;
    case ENOSPC:
    case EDQUOT: return ErrorCode::kNoSpace;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EMSGSIZE: return ErrorCode::kLimit;
    case ETIMEDOUT: return ErrorCode::kTimeout;
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT: return ErrorCode::kUnsupported;
    case ECANCELED:
    case EINTR: return ErrorCode::kCancelled;
    default: return ErrorCode::kIo;
  }
}

Error::Error(ErrorCode code, std::string op, std::string subject, std::source_location where)
    : code_(code), op_(std::move(op)), subject_(std::move(subject)), where_(where) {}

Error Error::from_errno(int errno_value, std::string op, std::string subject,
                        std::source_location where) {
  Error error(error_code_from_errno(errno_value), std::move(op), std::move(subject), where);
  error.errno_value_ = errno_value;
  return error;
}

Error&& Error::with_detail(std::string detail) && {
  detail_ = std::move(detail);
  return std::move(*this);
}

Error&& Error::with_hint(std::string hint) && {
  hint_ = std::move(hint);
  return std::move(*this);
}

Error&& Error::in(std::string_view context) && {
  context_ = context_.empty() ? std::string(context) : std::string(context) + ": " + context_;
  return std::move(*this);
}

std::string Error::message() const {
  std::string text = context_;
  auto append = [&text](std::string_view separator, std::string_view part) {
    if (part.empty()) return;
    if (!text.empty()) text += separator;
    text += part;
  };
  append(": ", op_);
  append(op_.empty() ? ": " : " ", subject_);
  append(": ", detail_);
  if (errno_value_ != 0) append(": ", std::generic_category().message(errno_value_));
  if (detail_.empty() && errno_value_ == 0) append(": ", to_string(code_));
  return text;
}

}  // namespace nines
