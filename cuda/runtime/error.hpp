// What the runtime throws: errors that carry the place in the source and the code that CUDA gave.
#pragma once
#include <stdexcept>
#include <string>

namespace hepy::runtime {

// A place in a source file; as a default argument it is the caller's.
struct Site {
  const char* file = "";
  int line = 0;

  static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
  bool operator==(const Site& other) const { return line == other.line && std::string(file) == other.file; }
  bool operator!=(const Site& other) const { return !(*this == other); }
};

inline std::string to_string(const Site& site) { return std::string(site.file) + ":" + std::to_string(site.line); }

// A device failed, or a kernel broke a rule of the programming model. Python sees a DeviceError.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, Site site = {}, int code = 0)
      : std::runtime_error(site.line > 0 ? message + " (" + to_string(site) + ")" : message), site(site), code(code) {}

  const Site site;
  const int code;  // CUDA's, 0 where none was involved
};

// Python sees a DeviceOutOfMemoryError.
class OutOfMemory : public Error {
 public:
  using Error::Error;
};

// A caller's mistake, found before anything ran. Python sees a ParameterError.
class InvalidArgument : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

}  // namespace hepy::runtime
