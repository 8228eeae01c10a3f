#include "system/libbpf.h"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "system/bpf_object.h"

namespace perfring::test {
namespace {

using system::BpfObject;
using system::libbpf::Functions;
using system::libbpf::LogCapture;
using system::libbpf::PrintFunction;

int others_lines = 0;

int OthersPrint(int /*level*/, const char* /*format*/, va_list /*arguments*/) { return ++others_lines; }

const Functions* LibbpfOrSkip() {
  std::string reason;
  const Functions* const functions = system::libbpf::Load(reason);
  if (functions == nullptr) {
    Skip("libbpf.so.1: " + reason);
  }
  return functions;
}

// Makes the library print a message: that the bytes are not an object.
std::string LogOfGarbage(const Functions& functions, const std::string& name) {
  const std::array<std::byte, 100> garbage{};
  std::string log;
  auto object = BpfObject::Open(functions, garbage, {.name = name, .btf_path = "", .pin_root = ""}, log);
  CHECK(!object.ok());
  CHECK(object.error() <= -4000);
  return log;
}

const Test keeps("LogCapture keeps what libbpf says, and puts back the print function of others", [] {
  const Functions* const functions = LibbpfOrSkip();
  if (functions == nullptr) {
    return;
  }
  const PrintFunction before = functions->set_print(OthersPrint);
  others_lines = 0;
  CHECK(LogOfGarbage(*functions, "garbage").find("garbage") != std::string::npos);
  CHECK_EQ(others_lines, 0);
  CHECK(functions->set_print(before) == OthersPrint);
});

const Test respects("LogCapture leaves a print function that others set meanwhile", [] {
  const Functions* const functions = LibbpfOrSkip();
  if (functions == nullptr) {
    return;
  }
  PrintFunction before = nullptr;
  {
    std::string log;
    const LogCapture capture(*functions, log);
    before = functions->set_print(OthersPrint);
  }
  CHECK(functions->set_print(nullptr) == OthersPrint);
  // `before` is the print function of LogCapture, which must not stay set.
  CHECK(before != nullptr);
});

const Test threads("LogCapture gives each thread its own log", [] {
  const Functions* const functions = LibbpfOrSkip();
  if (functions == nullptr) {
    return;
  }
  const PrintFunction before = functions->set_print(OthersPrint);
  others_lines = 0;
  std::vector<std::string> logs(4);
  std::vector<std::thread> running;
  for (size_t i = 0; i < logs.size(); ++i) {
    running.emplace_back([&logs, functions, i] {
      for (int round = 0; round < 50; ++round) {
        logs[i] += LogOfGarbage(*functions, "thread" + std::to_string(i));
      }
    });
  }
  for (std::thread& thread : running) {
    thread.join();
  }
  for (size_t i = 0; i < logs.size(); ++i) {
    size_t lines = 0;
    for (size_t at = 0; (at = logs[i].find("thread" + std::to_string(i), at)) != std::string::npos; ++at) {
      ++lines;
    }
    CHECK_EQ(lines, 50u);
    CHECK(logs[i].find("thread" + std::to_string((i + 1) % logs.size())) == std::string::npos);
  }
  CHECK_EQ(others_lines, 0);
  CHECK(functions->set_print(before) == OthersPrint);
});

const Test tail("LogCapture keeps the end of a long log", [] {
  const Functions* const functions = LibbpfOrSkip();
  if (functions == nullptr) {
    return;
  }
  std::string log;
  const std::string name(2 * system::libbpf::kLongestLog, 'n');
  log = LogOfGarbage(*functions, name);
  CHECK_EQ(log.size(), system::libbpf::kLongestLog);
});

}  // namespace
}  // namespace perfring::test
