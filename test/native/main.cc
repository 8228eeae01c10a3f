#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "check.h"

namespace perfring::test {
namespace {

struct Registered {
  std::string title;
  std::function<void()> body;
};

// A static variable of a function, because tests register before main() and the order of the files is undefined.
std::vector<Registered>& Tests() {
  static std::vector<Registered> tests;
  return tests;
}

int failures = 0;
std::string missing;

}  // namespace

Test::Test(std::string title, std::function<void()> body) { Tests().push_back({std::move(title), std::move(body)}); }

void Fail(const char* file, int line, const std::string& what) {
  ++failures;
  std::printf("  %s:%d: %s\n", file, line, what.c_str());
}

void Skip(const std::string& what) { missing = what; }

int RunAll() {
  size_t failed = 0;
  size_t skipped = 0;
  for (const Registered& test : Tests()) {
    failures = 0;
    missing.clear();
    test.body();
    const char* const outcome = failures > 0 ? "FAILED" : missing.empty() ? "ok" : "skipped";
    std::printf("%-7s %s%s%s\n", outcome, test.title.c_str(), missing.empty() ? "" : ": needs ", missing.c_str());
    failed += failures > 0 ? 1 : 0;
    skipped += failures == 0 && !missing.empty() ? 1 : 0;
  }
  std::printf("%zu tests, %zu failed, %zu skipped\n", Tests().size(), failed, skipped);
  return failed == 0 ? 0 : 1;
}

}  // namespace perfring::test

int main() { return perfring::test::RunAll(); }
